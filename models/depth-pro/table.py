"""The table of what has been measured so far.

    python3 table.py WORK OUT        # OUT/table.json and OUT/table.md from WORK/rows, also when rows are missing
    python3 table.py --page          # docs/depth-pro.md and README.md: what table.json says, between their marks
"""

import argparse
import re
from pathlib import Path

from engines import ENGINES
from files import read_json, write_json

HERE = Path(__file__).resolve().parent
PAGE, README = HERE.parent.parent / "docs/depth-pro.md", HERE.parent.parent / "README.md"
PYTORCH = {f"pytorch-{each.lower()}": f"PyTorch {each}" for each in ("FP32", "TF32", "FP16", "BF16")}
TITLES = PYTORCH | {name: engine.title for name, engine in ENGINES.items()}
HEAD = (
    "engine", "median ms", "p95 ms", "CUDA graph ms", "× PyTorch FP32", "plan MB", "GPU MB", "build s", "layers",
    "RMSE / std", "AbsRel", "p99Rel", "depth AbsRel", "depth p99Rel", "fov °",
)


def gathered(work):
    """All rows as data, with the seconds and the problem of the last step of each."""
    found = {path.stem: read_json(path) for path in sorted((work / "rows").glob("*.json"))}
    rows = {name: row for name, row in found.items() if "engine" in row}
    steps = [each for name, each in found.items() if name.endswith(".step")]
    order = [*(name for name in TITLES if name in rows), *(name for name in rows if name not in TITLES)]
    return {
        "network": "Depth Pro, 1536×1536, batch 1", "host": read_json(work / "host.json"), "golden": read_json(work / "stats.json"),
        "rows": {name: rows[name] for name in order}, "readout": found.get("readout"), "steps": steps,
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
    built = figure(row.get("buildSeconds"), 3) + ("*" if row.get("timingsKnown") else "")
    return [
        title(name, row), figure(median, 4), figure(at(row, "plain", "p95"), 4), figure(graph, 4),
        figure(slowest / best) if best and slowest else "–",
        *(figure(row.get(key), 5) for key in ("planMB", "deviceMB")), built, figure(row.get("layers"), 5),
        *(figure(at(row, "losses", "inverse", key)) for key in ("rmseStd", "absRel", "p99Rel")),
        *(figure(at(row, "losses", "depth", key)) for key in ("absRel", "p99Rel")),
        figure(at(row, "losses", "fovErrorDeg")),
    ]


def title(name, row):
    rest = f", the rest {row['rest'].upper()}" if "rest" in row else ""
    return f"{TITLES.get(name) or row.get('title', name)}{rest}"


def rmse_std(rows, name):
    return at(rows.get(name), "losses", "inverse", "rmseStd")


def split(rows):
    """How the loss of TensorRT's FP16 comes about: RMSE over the golden's standard deviation from corner to corner, as
    depthgate's attribution goes. [(cause, from, to)]; a cause whose corner was not measured is joined with the next."""
    # PyTorch's FP16 sums in FP32, and nearly nothing is fused there
    summed = next((name for name in ("fp16-sum32", "fp16-sum32-tf32") if rmse_std(rows, name)), "pytorch-fp16")
    format = "number format" + (" (PyTorch's FP16, which sums in FP32, in the place of that corner)" if summed == "pytorch-fp16" else "")
    corners = [(format, summed), ("sums in FP16", "fp16-unfused"), ("fusion", "fp16")]
    if not rmse_std(rows, "fp16"):
        return []
    exported, causes = rmse_std(rows, "fp32"), []
    told = [("export and FP32 kernels", 0.0, exported)] if exported else []
    last = exported or 0.0
    for cause, name in corners:
        causes.append(cause)
        reached = rmse_std(rows, name)
        if reached is not None:
            told.append((" and ".join(causes), last, reached))
            last, causes = reached, []
    return told


def shares(rows):
    whole = rmse_std(rows, "fp16")
    return [(cause, reached, (reached - before) / whole) for cause, before, reached in split(rows)]


def findings(data):
    rows, told = data["rows"], []
    if shares(rows):
        parts = "; ".join(f"{cause} {share:+.1%} (up to {figure(reached)})" for cause, reached, share in shares(rows))
        told.append(f"TensorRT FP16's RMSE / std, {figure(rmse_std(rows, 'fp16'))}, from corner to corner: {parts}. A negative share took error away.")
    unfused, fused, summed = (rmse_std(rows, name) for name in ("fp32-unfused", "fp32", "fp16-sum32"))
    if unfused is not None and fused is not None:
        told.append(f"FP32 with every tensor kept: {figure(unfused)}, fused {figure(fused)}.")
    if summed and rmse_std(rows, "pytorch-fp16"):
        told.append(f"TensorRT FP16 with FP32 sums over PyTorch FP16, RMSE: {summed / rmse_std(rows, 'pytorch-fp16'):.3f}.")
    for each in at(data, "readout", "rows") or []:
        ours, theirs = each["ours"]["median"], each["theirs"].get("behind") or each["theirs"]["median"]
        told.append(f"Read-out on the plan of FP16, {each['how']}: depthgate {ours:.3f} ms, a separate loop of CUDA events {theirs:.3f} ms, {each['apart']:.2%} apart.")
    return told


def notes(rows):
    engines = [row for name, row in rows.items() if name not in PYTORCH]
    told = []
    levels = sorted({row["level"] for row in engines if "level" in row})
    if len(levels) == 1:
        told.append(f"All engines at builder optimisation level {levels[0]}.")
    for level in levels if len(levels) > 1 else []:
        told.append(f"Builder optimisation level {level}: {', '.join(title(name, row) for name, row in rows.items() if row.get('level') == level)}.")
    hours = sorted({row["at"][:13].replace("T", " ") + " h" for row in rows.values() if "at" in row})
    if hours:
        told.append(f"Measured {', '.join(hours)} UTC.")
    if any(row.get("timingsKnown") for row in engines):
        told.append("\\* kernels that earlier builds had timed were not timed again.")
    shaky = [f"{title(name, row)} ({how}, {row[how]['variation']:.1%})" for name, row in rows.items() for how in ("plain", "graph") if at(row, how, "variation") and row[how]["variation"] > 0.025]
    if shaky:
        told.append(f"Variation above 2.5 %: {', '.join(shaky)}.")
    held = [title(name, row) for name, row in rows.items() if any(at(row, how, when, "throttled") for how in ("plain", "graph") for when in ("before", "after"))]
    if held:
        told.append(f"Clocks were held down by the power cap while these were timed: {', '.join(held)}.")
    beside = [f"{title(name, row)}: {', '.join(row['beside'])}" for name, row in rows.items() if row.get("beside")]
    if beside:
        told.append(f"While these were timed, elsewhere on the host ran: {'; '.join(beside)}.")
    return told


def markdown(data):
    host, rows = data["host"] or {}, data["rows"]
    engine = next((row["engine"] for name, row in rows.items() if name not in PYTORCH), None)
    slowest = at(rows.get("pytorch-fp32"), "plain", "median")
    lines = [", ".join([*(f"{key} {value}" for key, value in host.items()), *([engine] if engine else [])]), "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(line(name, row, slowest))} |" for name, row in rows.items()]
    lines += ["", *(f"- {each}" for each in [*findings(data), *notes(rows)])]
    lines += [f"- golden, {name}: {', '.join(f'{key} {figure(value, 4)}' for key, value in each.items())}" for name, each in (data["golden"] or {}).items()]
    missing = [each for each in data["steps"] if each["problem"]]
    lines += [f"- {each['step']}: {' '.join(each['problem'].split())[-400:]}" for each in missing]
    return "\n".join(lines) + "\n"


def story(data):
    """README's paragraph: the claim that this project started from, and what was measured."""
    rows = data["rows"]
    best = {name: min((each for each in (at(row, how, "median") for how in ("plain", "graph")) if each), default=None) for name, row in rows.items()}
    need = ("pytorch-fp32", "pytorch-fp16", "fp16")
    if any(not best.get(name) for name in need):
        raise SystemExit(f"table.json: README's paragraph needs latencies of {', '.join(need)}")
    ms = {name: f"{value:.3g} ms" for name, value in best.items() if value}
    text = (
        f"The claim that started this project was 500 → 60 ms for Depth Pro on an H100, with \"a noticeable loss of quality\". Ours, on an "
        f"{data['host']['GPU'].removeprefix('NVIDIA ')} at full size (952 M parameters, 1536×1536, [random weights](models/depth-pro/README.md)): PyTorch {ms['pytorch-fp32']} in FP32, "
    )
    text += f"{ms['pytorch-tf32']} in TF32, " if "pytorch-tf32" in ms else ""
    text += f"{ms['pytorch-fp16']} in FP16; TensorRT's FP16 {ms['fp16']}, {best['pytorch-fp32'] / best['fp16']:.1f} times as fast as FP32 in PyTorch and {best['pytorch-fp16'] / best['fp16']:.1f} times as FP16 there. "
    ratio = rmse_std(rows, "fp16") / rmse_std(rows, "pytorch-fp16")
    text += f"Its RMSE is {rmse_std(rows, 'fp16'):.2%} of the depth's spread, {ratio:.1f} times that of FP16 in PyTorch"
    parts = [f"{cause} {share:.0%}" for cause, _, share in shares(rows) if not cause.startswith("export")]
    text += f": {', '.join(parts)}. " if len(parts) > 1 else ". "
    summed = [(best[name], name) for name in ("fp16-sum32", "fp16-sum32-tf32", "fp16-sum32-conv", "fp16-sum32-matmul") if best.get(name)]
    if summed:
        text += "With sums in FP32 it is " + ", ".join(f"{rmse_std(rows, name):.2%} at {ms[name]} ({title(name, rows[name]).removeprefix('TensorRT FP16, ')})" for _, name in sorted(summed)) + ". "
    return text + "Everything in one table: [docs/depth-pro.md](docs/depth-pro.md).\n"


def write_table(work, out):
    data = gathered(Path(work))
    out = Path(out)
    write_json(out / "table.json", data)
    (out / "table.md").write_text(markdown(data))


def write_page(data, page, readme):
    """The parts between the marks of two pages."""
    for file, mark, text in ((page, "table", markdown(data)), (readme, "depth-pro", story(data))):
        before = file.read_text()
        after, found = re.subn(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda match: f"{match[1]}{text}{match[2]}", before, flags=re.S)
        if found != 1:
            raise SystemExit(f"{file}: has {found} times the marks <!-- {mark} --> and <!-- /{mark} -->, expected once")
        file.write_text(after)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.page:
        write_page(read_json(HERE / "table.json"), PAGE, README)
    else:
        write_table(options.work, options.out)
