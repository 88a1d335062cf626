"""Everything that fills the table, in order of importance, until the time is over. Called by measure.sh.

    python3 measure.py WORK OUT SECONDS [--jobs 2] [--prepare]

What WORK holds already is not done again, so a second call goes on where the first one stopped. OUT/table.json and
OUT/table.md are written anew after every step, with what failed and why. Engines are built --jobs at a time, each in a
process of its own; latencies are only taken while nothing else runs.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from files import read_json, write_json
from table import write_table

HERE = Path(__file__).resolve().parent
DEPTHGATE = HERE.parent.parent / "dist/cli/main.js"
PRODUCTS = {"conv": ["Conv", "ConvTranspose"], "matmul": ["MatMul"]}


def sums(kind):
    return [part for pattern in PRODUCTS[kind] for part in ("--accumulate-fp32", pattern)]


# name: how `depthgate convert` makes its ONNX, or None for the FP32 export itself; how it is built
FP16 = ["--precision", "fp16"]
ENGINES = {
    "fp16": (FP16, []),
    "tf32": (None, ["--tf32"]),
    "fp32": (None, []),
    "fp16-sum32-conv": ([*FP16, *sums("conv")], []),
    "fp16-sum32-tf32": ([*FP16, "--accumulate", "fp32"], ["--tf32"]),
    "fp16-sum32": ([*FP16, "--accumulate", "fp32"], []),
    "bf16": (["--precision", "bf16"], []),
    "fp16-sum32-matmul": ([*FP16, *sums("matmul")], []),
    "fp16-unfused": (FP16, ["--unfused"]),
}
# what is built side by side before latencies are taken
STAGES = [["fp16", "tf32", "fp32"], ["fp16-sum32-tf32", "fp16-sum32-conv"], ["fp16-sum32", "bf16"], ["fp16-sum32-matmul", "fp16-unfused"]]
TIMING, RESERVE = 60, 25  # seconds that loading and timing one plan may take at most, and are kept for it
KEPT = "fp16"  # this plan stays, for a comparison with `depthgate bench`


class Measurement:
    def __init__(self, work, out, seconds, jobs, small):
        self.work, self.out, self.jobs = work, out, jobs
        self.lock = Lock()
        self.small = ["--small"] if small else []
        self.begun, self.ends = time.time(), time.time() + seconds
        for folder in (work / "rows", work / "logs", out):
            folder.mkdir(parents=True, exist_ok=True)

    def left(self):
        return self.ends - time.time()

    def say(self, text):
        print(f"{time.time() - self.begun:6.1f} s  {text}", flush=True)

    def step(self, name, command, limit, errors_to=None):
        """Whether the command came to its end in time. What it said is in WORK/logs; why it failed is in the table."""
        limit = min(limit, self.left())
        begun, log = time.time(), self.work / "logs" / f"{name}.log"
        if limit < 5:
            problem = "no time was left"
        else:
            with log.open("w") as file:
                try:
                    code = subprocess.run([str(each) for each in command], stdout=file, stderr=subprocess.STDOUT, timeout=limit, cwd=HERE).returncode
                    problem = None if code == 0 else f"ended with {code}: {log.read_text()[-600:].strip()}"
                except OSError as error:
                    problem = str(error)
                except subprocess.TimeoutExpired:
                    problem = f"took longer than the {limit:.0f} s that were left for it"
        seconds = round(time.time() - begun, 1)
        self.say(f"{name}: {problem or 'done'} ({seconds} s)")
        with self.lock:
            write_json(self.work / "rows" / f"{errors_to or name}.step.json", {"step": name, "seconds": seconds, "problem": problem})
            write_table(self.work, self.out)
        return problem is None

    def python(self, name, script, *arguments, limit, errors_to=None):
        return self.step(name, [sys.executable, "-W", "ignore", HERE / script, *arguments], limit, errors_to)

    # -- the steps

    def reference(self):
        return (self.work / "rows/pytorch-bf16.json").exists() or self.python("pytorch", "reference.py", self.work, *self.small, limit=200)

    def prepare(self):
        """What only needs the processor: the export and all converted files. May run beside other work on the GPU."""
        running = self.work / "preparing"
        running.write_text(str(os.getpid()))
        try:
            if self.exported("torch.export"):
                with ThreadPoolExecutor(3) as pool:
                    list(pool.map(self.onnx, [name for name in ENGINES if self.shared(name) == name]))
        finally:
            running.unlink()

    def wait_for_prepare(self):
        running = self.work / "preparing"
        while running.exists() and Path(f"/proc/{running.read_text() or 0}").exists() and self.left() > 300:
            time.sleep(1)

    def exported(self, exporter):
        ready, onnx = self.work / "exported", self.work / "depth_pro.onnx"
        if ready.exists() and ready.read_text() == exporter:
            return True
        for stale in self.work.glob("*.onnx*"):
            stale.unlink()
        done = self.python(f"export-{exporter}", "export.py", onnx, "--exporter", exporter, *self.small, limit=280)
        if done:
            ready.write_text(exporter)
        return done

    def export(self):
        """The FP32 ONNX, by the first exporter whose file TensorRT reads."""
        self.wait_for_prepare()
        read = self.work / "read"
        if read.exists():
            return True
        for exporter in ("torch.export", "torchscript"):
            if self.exported(exporter) and self.python(f"parse-{exporter}", "engine.py", "parse", self.work / "depth_pro.onnx", limit=90):
                read.write_text(exporter)
                return True
        return False

    def shared(self, name):
        """The first engine with the same recipe, whose name the ONNX has."""
        return next(each for each, (recipe, _) in ENGINES.items() if recipe == ENGINES[name][0])

    def onnx(self, name):
        """The file that an engine is built from; None where it cannot be made."""
        recipe = ENGINES[name][0]
        if recipe is None:
            return self.work / "depth_pro.onnx"
        file = self.work / f"{self.shared(name)}.onnx"
        command = ["node", "--max-old-space-size=24000", DEPTHGATE, "convert", self.work / "depth_pro.onnx", *recipe, "-o", file]
        return file if file.exists() or self.step(f"convert-{name}", command, 180, name) else None

    def build(self, name, reserve):
        row = self.work / f"rows/{name}.json"
        onnx = None if "losses" in (read_json(row) or {}) else self.onnx(name)
        if onnx is None:
            return
        self.python(
            f"build-{name}", "engine.py", "build", onnx, self.work / f"{name}.plan", "--golden", self.work / "golden.npz", "--row", row,
            "--cache", self.work / "timing.cache", *ENGINES[name][1], limit=self.left() - reserve, errors_to=name,
        )

    def time(self, name):
        row, plan = self.work / f"rows/{name}.json", self.work / f"{name}.plan"
        known = read_json(row) or {}
        if "losses" in known and "graph" not in known and plan.exists():
            self.python(f"time-{name}", "engine.py", "time", plan, "--golden", self.work / "golden.npz", "--row", row, limit=TIMING, errors_to=name)
            if (read_json(row) or {}).get("graph") and name != KEPT:
                plan.unlink()

    def stage(self, names):
        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(lambda name: self.build(name, RESERVE * len(names)), names))
        for name in names:
            self.time(name)
        if (self.work / "rows/fp16.npz").exists() and not (self.out / "preview.png").exists():
            self.python("preview", "preview.py", self.work, self.out / "preview.png", limit=30)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--prepare", action="store_true", help="only what needs no GPU")
    parser.add_argument("--small", action="store_true", help="a small network, to try the scripts")
    options = parser.parse_args()
    work = Measurement(options.work.resolve(), options.out.resolve(), options.seconds, options.jobs, options.small)
    if options.prepare:
        return work.prepare()
    # the export only needs the processor, PyTorch's rows mostly the GPU
    with ThreadPoolExecutor(2) as pool:
        reference, export = pool.submit(work.reference), pool.submit(work.export)
        there = reference.result(), export.result()
    if all(there) or (work.work / "golden.npz").exists() and there[1]:
        for names in STAGES:
            if work.left() > 60 or any((work.work / f"{name}.plan").exists() for name in names):
                work.stage(names)
    write_table(work.work, work.out)
    logs = sorted((work.work / "logs").glob("*.log"))
    (work.out / "steps.log").write_text("".join(f"==== {log.stem}\n{log.read_text()[-4000:]}\n" for log in logs))


if __name__ == "__main__":
    main()
