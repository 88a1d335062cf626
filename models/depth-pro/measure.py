"""Everything that fills the table, in order of importance, until the time is over. Called by measure.sh.

    python3 measure.py WORK OUT SECONDS [--gpus 0,1] [--level 3] [--only NAMES] [--onnx NAME=FILE … [--tf32]] [--known OUT] [--prepare]

What WORK holds already is not done again, so a second call goes on where the first one stopped; --known takes up what
another WORK on the same kind of host had measured. OUT/table.json and OUT/table.md are written anew after every step, with what
failed and why. Each GPU is a lane: it builds one engine and times it, then takes the next, so nothing else runs on a GPU
that times or builds. The numbers of GPUs that become free meanwhile may be added to WORK/gpus.
"""

import argparse
import fcntl
import gzip
import os
import shutil
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Condition, Lock, Thread

from engines import ENGINES, Engine, shared
from files import read_json, write_bytes, write_json
from table import write_table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEPTHGATE = ["node", "--max-old-space-size=24000", ROOT / "dist/cli/main.js"]
LAST = 45  # seconds that are left for the losses and the latency when a build must end
LEAST = 75  # with less nothing is begun
FIRST = "fp16"  # whose plan the other read-out is tried on, and which the preview shows


class Measurement:
    def __init__(self, options):
        self.work, self.out = options.work.resolve(), options.out.resolve()
        self.options, self.small = options, ["--small"] if options.small else []
        self.begun, self.ends = time.time(), time.time() + options.seconds
        self.changed, self.projecting = Condition(), Lock()
        self.engines = {name: engine for name, engine in ENGINES.items() if not options.only or name in options.only}
        self.files, self.taken, self.now = {}, set(), {}
        for name, file in options.onnx:
            self.engines[name] = Engine(f"{name}, TensorRT", None, ("--tf32",) if options.tf32 else ())
            self.files[name] = file.resolve()
        for folder in (self.work / "rows", self.work / "logs", self.out):
            folder.mkdir(parents=True, exist_ok=True)

    def left(self):
        return self.ends - time.time()

    def say(self, text):
        print(f"{time.time() - self.begun:6.1f} s  {text}", flush=True)

    # -- steps: programs with a limit, whose failure is told in the table

    def step(self, name, command, limit, gpu=None, errors_to=None, cwd=HERE):
        """Whether the command came to its end in time. What it said is in WORK/logs; why it failed is in the table."""
        limit = min(limit, self.left())
        begun, log = time.time(), self.work / "logs" / f"{name}.log"
        place = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        if gpu is None:  # the processor's work waits for those who enqueue
            command = ["nice", "-n", "10", *command]
        self.now[name] = "processor" if gpu is None else f"GPU {gpu}"
        if limit < 5:
            problem = "no time was left"
        else:
            with log.open("w") as file:
                try:
                    ran = subprocess.run(
                        [str(each) for each in command], stdout=file, stderr=subprocess.STDOUT, timeout=limit, cwd=cwd, env={**os.environ, **place}
                    )
                    problem = None if ran.returncode == 0 else f"ended with {ran.returncode}: {log.read_text()[-600:].strip()}"
                except OSError as error:
                    problem = str(error)
                except subprocess.TimeoutExpired:
                    problem = f"took longer than the {limit:.0f} s that were left for it"
        seconds = round(time.time() - begun, 1)
        self.say(f"{name}{'' if gpu is None else f' on GPU {gpu}'}: {problem or 'done'} ({seconds} s)")
        with self.changed:
            del self.now[name]
            write_json(self.work / "rows" / f"{errors_to or name}.step.json", {"step": name, "seconds": seconds, "problem": problem})
            self.write()
        return problem is None

    def python(self, name, script, *arguments, limit, gpu=None, errors_to=None):
        return self.step(name, [sys.executable, "-W", "ignore", HERE / script, *arguments], limit, gpu, errors_to)

    def write(self):
        try:
            write_table(self.work, self.out)
        except Exception:  # the figures lie in WORK/rows: the next steps shall still run
            traceback.print_exc()
        cache = self.work / "timing.cache.gz"
        if cache.exists():
            shutil.copy(cache, self.out)

    # -- on the processor

    def prepare(self):
        """The export and all converted files, those of the most important engines first; int8 when there is a golden."""
        with open(self.work / "prepare.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another call may be at it
            try:
                wanted = dict.fromkeys(shared(name) for name in self.engines if name in ENGINES and not self.measured(name))
                if wanted and self.exported():
                    with ThreadPoolExecutor(3) as pool:
                        list(pool.map(self.onnx, [name for name in wanted if ENGINES[name].recipe]))
                    if "int8" in wanted and self.golden(300):
                        self.onnx("int8")
            finally:
                for name in ENGINES:  # what cannot be made shall not be waited for
                    self.known(name, None)

    def exported(self):
        onnx, ready = self.work / "depth_pro.onnx", self.work / "exported"
        done = ready.exists() or self.python("export", "export.py", onnx, *self.small, limit=280)
        if done:
            ready.touch()
        self.known("fp32", onnx if done else None)
        return done

    def onnx(self, name):
        """Makes the file that an engine is built from."""
        recipe = ENGINES[name].recipe
        file, part = self.work / f"{name}.onnx", self.work / f"{name}.part.onnx"
        if not file.exists():
            if recipe is None:
                done = self.quantised(part)
            else:
                done = self.step(f"convert-{name}", [*DEPTHGATE, "convert", self.work / "depth_pro.onnx", *recipe, "-o", part], 240, errors_to=name)
            if done:
                part.rename(file)
        self.known(name, file if file.exists() else None)

    def quantised(self, part):
        """With the rest in FP16, or in FP32 where this depthgate knows no rest."""
        for rest in (["--rest", "fp16"], []):
            if not self.project(*rest):
                return False
            command = [*DEPTHGATE, "convert", "--model", "depth_pro", "--precision", "int8", "-o", part]
            if self.step("convert-int8", command, 420, errors_to="int8", cwd=self.work / "project"):
                write_json(self.work / "rows/int8.recipe.json", {"rest": rest[-1] if rest else "fp32"})
                return True
            if "rest" not in (self.work / "logs/convert-int8.log").read_text():
                return False

    def project(self, *arguments):
        """depthgate's own goldens and config of the network."""
        with self.projecting:
            return self.python("project", "project.py", self.work, *arguments, limit=90)

    def known(self, name, file):
        with self.changed:
            self.files.setdefault(name, file)
            self.changed.notify_all()

    def golden(self, seconds):
        ends = time.time() + seconds
        while not (self.work / "golden.npz").exists() and time.time() < ends and self.left() > LEAST and not self.options.prepare:
            time.sleep(1)
        return (self.work / "golden.npz").exists()

    # -- on a GPU

    def reference(self, gpu):
        done = (self.work / "rows/pytorch-bf16.json").exists() and (self.work / "golden.npz").exists()
        return done or self.python("pytorch", "reference.py", self.work, *self.small, limit=240, gpu=gpu)

    def lane(self, gpu):
        while name := self.next():
            self.build(name, gpu)
            if self.engines[name].timed:
                self.time(name, gpu)
            if name == FIRST:
                self.readout(gpu)
            elif (plan := self.work / f"{name}.plan").exists():
                plan.unlink()

    def next(self):
        """The most important engine whose file is there; waits for files in the making. None when there is nothing left."""
        with self.changed:
            while self.left() > LEAST:
                waiting = [name for name in self.engines if name not in self.taken and not self.measured(name)]
                for name in waiting:
                    if self.file_of(name):
                        self.taken.add(name)
                        return name
                if not any(self.key(name) not in self.files for name in waiting):
                    return None
                self.changed.wait(1)

    def key(self, name):
        return shared(name) if name in ENGINES else name

    def file_of(self, name):
        return self.files.get(self.key(name))

    def measured(self, name):
        row = read_json(self.work / f"rows/{name}.json") or {}
        return "losses" in row and ("graph" in row or not self.engines[name].timed)

    def build(self, name, gpu):
        row, plan = self.work / f"rows/{name}.json", self.work / f"{name}.plan"
        if "losses" in (read_json(row) or {}) and plan.exists():
            return
        limit = self.left() - LAST
        self.python(
            f"build-{name}", "engine.py", "build", self.file_of(name), plan, "--golden", self.work / "golden.npz", "--row", row,
            "--cache", self.work / "timing.cache", "--level", self.options.level, "--seconds", f"{limit:.0f}", *self.engines[name].flags,
            limit=limit + LAST - 10, gpu=gpu, errors_to=name,
        )
        known = read_json(row)
        if known:
            facts = {"title": self.engines[name].title, "gpu": gpu, **(read_json(self.work / f"rows/{name}.recipe.json") or {})}
            write_json(row, {**known, **facts})
        if name == FIRST and row.with_suffix(".npz").exists():
            self.python("preview", "preview.py", self.work, self.out / "preview.png", limit=30)

    def time(self, name, gpu):
        row, plan = self.work / f"rows/{name}.json", self.work / f"{name}.plan"
        if "losses" not in (read_json(row) or {}) or self.measured(name) or not plan.exists():
            return
        beside = sorted(f"{step} ({place})" for step, place in dict(self.now).items())
        self.python(f"time-{name}", "engine.py", "time", plan, "--golden", self.work / "golden.npz", "--row", row, limit=90, gpu=gpu, errors_to=name)
        write_json(row, {**read_json(row), "beside": beside})

    def readout(self, gpu):
        """depthgate's own latencies of this plan beside those of a separate loop of CUDA events."""
        plan, out, scene = self.work / f"{FIRST}.plan", self.work / "rows/readout.json", self.work / "project/input.f32"
        if out.exists() or not plan.exists() or self.left() < 60:
            return
        if scene.exists() or self.project():
            command = ["env", f"DEPTHGATE_PYTHON={sys.executable}", "node", ROOT / "bench/tensorrt/readout.mjs", plan, scene, "--out", out]
            self.step("readout", command, 150, gpu)

    # -- all of it

    def lanes(self, gpus):
        """A thread a GPU; looks at WORK/gpus for more while they work."""
        file, running = self.work / "gpus", {}
        write_bytes(file, " ".join(gpus).encode())
        while True:
            for gpu in dict.fromkeys(file.read_text().split()):
                if gpu not in running:
                    running[gpu] = Thread(target=self.one, args=(gpu, gpu == gpus[0]), daemon=True)
                    running[gpu].start()
            if not any(thread.is_alive() for thread in running.values()):
                return
            time.sleep(1)

    def one(self, gpu, leads):
        if leads and not self.reference(gpu):
            return
        if leads:
            self.readout(gpu)  # where an earlier call left the plan
        self.lane(gpu)

    def take_up(self, folder):
        """Rows and timings of another WORK, where its GPU, driver and PyTorch were these."""
        before, host = read_json(folder / "table.json"), read_json(self.work / "host.json")
        if before is None or before["host"] != host:
            return self.say(f"{folder}: measured on {before and before['host']}, this is {host}; nothing is taken up")
        for name, row in before["rows"].items():
            file = self.work / f"rows/{name}.json"
            untimed = name in ENGINES and not ENGINES[name].timed
            whole = row.get("losses") and (untimed or ("plain" if name.startswith("pytorch-") else "graph") in row)
            if whole and not file.exists():
                write_json(file, row)
        readout = self.work / "rows/readout.json"
        if before["readout"] and not readout.exists():
            write_json(readout, before["readout"])
        cache = folder / "timing.cache.gz"
        if cache.exists() and not (self.work / "timing.cache").exists():
            write_bytes(self.work / "timing.cache", gzip.decompress(cache.read_bytes()))
        self.say(f"{folder}: taken up")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--gpus", type=lambda text: text.split(","), default=["0"], help="numbers, such as 0,1")
    parser.add_argument("--level", type=int, default=3, help="TensorRT's builder optimisation level, of all engines")
    parser.add_argument("--only", type=lambda text: text.split(","), help="these engines alone")
    parser.add_argument("--onnx", type=named, action="append", default=[], help="NAME=FILE: one more engine, from anyone's ONNX")
    parser.add_argument("--tf32", action="store_true", help="TF32 kernels are allowed in the engines of --onnx")
    parser.add_argument("--known", type=Path, help="OUT of an earlier call on such a host: table.json and timing.cache.gz")
    parser.add_argument("--prepare", action="store_true", help="only what needs no GPU")
    parser.add_argument("--small", action="store_true", help="a small network, to try the scripts")
    options = parser.parse_args()
    unknown = set(options.only or ()) - set(ENGINES)
    if unknown:
        parser.error(f"--only: {', '.join(unknown)}: there are {', '.join(ENGINES)}")
    work = Measurement(options)
    if options.prepare:
        return work.prepare()
    if not work.python("host", "reference.py", work.work, "--host", limit=60, gpu=options.gpus[0]):
        return
    if options.known:
        work.take_up(options.known)
    preparing = Thread(target=work.prepare, daemon=True)
    preparing.start()
    work.lanes(options.gpus)
    work.write()
    logs = sorted((work.work / "logs").glob("*.log"))
    (work.out / "steps.log").write_text("".join(f"==== {log.stem}\n{log.read_text()[-4000:]}\n" for log in logs))


def named(text):
    name, _, file = text.partition("=")
    return name, Path(file)


if __name__ == "__main__":
    main()
