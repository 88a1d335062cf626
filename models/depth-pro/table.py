"""The table of what has been measured so far.

    python3 table.py WORK OUT        # OUT/table.json and OUT/table.md from WORK/rows, also when rows are missing
    python3 table.py --page          # docs/depth-pro.md: the table of table.json between its two marks
"""

import argparse
import re
from pathlib import Path

from files import read_json, write_json

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs/depth-pro.md"
TITLES = {
    "pytorch-fp32": "PyTorch FP32",
    "pytorch-tf32": "PyTorch TF32",
    "pytorch-fp16": "PyTorch FP16",
    "pytorch-bf16": "PyTorch BF16",
    "fp32": "TensorRT FP32",
    "tf32": "TensorRT TF32",
    "fp16": "TensorRT FP16",
    "fp16-sum32": "TensorRT FP16, all products summed in FP32",
    "fp16-sum32-tf32": "the same, TF32 kernels allowed",
    "fp16-sum32-matmul": "TensorRT FP16, MatMul summed in FP32",
    "fp16-sum32-conv": "TensorRT FP16, Conv summed in FP32",
    "fp16-unfused": "TensorRT FP16, every tensor kept",
    "bf16": "TensorRT BF16",
}
HEAD = (
    "engine", "median ms", "p95 ms", "CUDA graph ms", "× PyTorch FP32", "plan MB", "GPU MB", "build s", "layers",
    "RMSE / std", "AbsRel", "p99Rel", "depth AbsRel", "depth p99Rel", "fov °",
)


def gathered(work):
    """All rows as data, with the seconds and the problem of the last step of each."""
    rows = {name: read_json(work / f"rows/{name}.json") for name in TITLES}
    steps = [read_json(path) for path in sorted((work / "rows").glob("*.step.json"))]
    return {
        "network": "Depth Pro, 1536×1536, batch 1", "host": read_json(work / "host.json"), "golden": read_json(work / "stats.json"),
        "rows": {name: row for name, row in rows.items() if row}, "steps": steps,
    }


def at(row, *keys):
    for key in keys:
        row = row.get(key) if row else None
    return row


def figure(value, digits=3):
    return "–" if value is None else f"{value:.{digits}g}"


def line(name, row, slowest):
    median, graph = at(row, "plain", "median"), at(row, "graph", "median")
    best = min((each for each in (median, graph) if each), default=None)
    return [
        TITLES[name], figure(median, 4), figure(at(row, "plain", "p95"), 4), figure(graph, 4),
        figure(slowest / best) if best and slowest else "–",
        *(figure(row.get(key), 5) for key in ("planMB", "deviceMB", "buildSeconds", "layers")),
        *(figure(at(row, "losses", "inverse", key)) for key in ("rmseStd", "absRel", "p99Rel")),
        *(figure(at(row, "losses", "depth", key)) for key in ("absRel", "p99Rel")),
        figure(at(row, "losses", "fovErrorDeg")),
    ]


def shares(rows):
    """How FP16's loss in TensorRT comes about, in RMSE over the golden's standard deviation."""
    loss = {name: at(row, "losses", "inverse", "rmseStd") for name, row in rows.items()}
    whole, summed, unfused = loss.get("fp16"), loss.get("fp16-sum32") or loss.get("fp16-sum32-tf32"), loss.get("fp16-unfused")
    told = []
    if loss.get("fp32") is not None:
        told.append(f"export and FP32 kernels: {figure(loss['fp32'])}")
    if whole and summed:
        told.append(f"FP16 in TensorRT: {figure(whole)}, with FP32 sums {figure(summed)}: number format {summed / whole:.0%}, accumulation {1 - summed / whole:.0%}")
    if whole and unfused:
        told.append(f"without fusion {figure(unfused)}: fusion {1 - unfused / whole:+.0%} of the loss")
    if summed and loss.get("pytorch-fp16"):
        told.append(f"with FP32 sums against PyTorch FP16: {summed / loss['pytorch-fp16']:.3f}")
    return told


def markdown(data):
    host, rows = data["host"] or {}, data["rows"]
    slowest = at(rows.get("pytorch-fp32"), "plain", "median")
    lines = [", ".join(f"{key} {value}" for key, value in host.items()), "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(line(name, row, slowest))} |" for name, row in rows.items()]
    lines += ["", *(f"- {each}" for each in shares(rows))]
    lines += [f"- golden, {name}: {', '.join(f'{key} {figure(value, 4)}' for key, value in each.items())}" for name, each in (data["golden"] or {}).items()]
    lines += [f"- {each['step']}: {each['problem']}".replace("\n", " ") for each in data["steps"] if each["problem"]]
    return "\n".join(lines) + "\n"


def write_table(work, out):
    data = gathered(Path(work))
    out = Path(out)
    write_json(out / "table.json", data)
    (out / "table.md").write_text(markdown(data))


def write_page():
    text = PAGE.read_text()
    table = markdown(read_json(HERE / "table.json"))
    PAGE.write_text(re.sub(r"(<!-- table -->\n).*?(<!-- /table -->)", lambda match: f"{match[1]}{table}{match[2]}", text, flags=re.S))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.page:
        write_page()
    else:
        write_table(options.work, options.out)
