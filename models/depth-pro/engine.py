"""Builds one strongly typed TensorRT engine and measures its losses, or times its plan. Each in a process of its own.

    . DEST/env.sh
    python3 engine.py parse ONNX                                        # does TensorRT read it at all?
    python3 engine.py build ONNX PLAN --golden golden.npz --row ROW.json [--tf32] [--unfused] [--level 3] [--cache timing.cache] [--seconds 300]
    python3 engine.py losses PLAN --golden golden.npz --row ROW.json    # of an engine that someone else has built
    python3 engine.py time PLAN --golden golden.npz --row ROW.json

`build` and `losses` write ROW.json, `time` adds to it. A build that takes longer than --seconds ends by itself, and what it has timed
stays in the cache, so that the next call goes on there. Needs the tensorrt bindings, PyTorch and NumPy. Inputs and outputs are
`image`, `inverse_depth` and `fov_deg`, in any format of floats.
"""

import argparse
import ctypes
import fcntl
import gzip
import json
import math
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import tensorrt as trt
import torch
from files import read_json, write_bytes, write_json
from losses import losses
from timing import time_on

LOGGER = trt.Logger(trt.Logger.WARNING)
KINDS = {trt.float32: torch.float32, trt.float16: torch.float16, trt.bfloat16: torch.bfloat16}
FLOATS = tuple(KINDS)
PORTS = ("image", "inverse_depth", "fov_deg")


def parsed(path):
    builder = trt.Builder(LOGGER)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, LOGGER)
    if not parser.parse_from_file(str(path)):
        raise SystemExit("TensorRT's parser refuses it: " + "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)))
    return builder, network, parser


def build(options):
    builder, network, parser = parsed(options.onnx)
    config = builder.create_builder_config()
    (config.set_flag if options.tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 16 << 30)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = options.level
    marked = mark_all(network) if options.unfused else 0
    known = use_timings(config, options.cache)
    monitor = Deadline(options.seconds)
    config.progress_monitor = monitor
    begun = time.time()
    plan = builder.build_serialized_network(network, config)
    seconds = time.time() - begun
    keep_timings(config, options.cache)
    if plan is None:
        raise SystemExit(f"not built within {options.seconds:.0f} s; what was timed is kept" if monitor.over else "TensorRT built no plan")
    write_bytes(options.plan, memoryview(plan))
    row = {
        "engine": f"TensorRT {trt.__version__}", "level": options.level, "buildSeconds": round(seconds, 1), "planMB": round(plan.nbytes / 1e6),
        "timingsKnown": known, "marked": marked, "at": now(),
    }
    del plan, network, parser, builder
    write_json(options.row, row)
    measure_losses(options, row)


def measure_losses(options, row):
    _runtime, engine = loaded(options.plan)
    row |= {"layers": engine.num_layers, "scratchMB": round(engine.device_memory_size_v2 / 1e6)}
    write_json(options.row, row)
    golden = np.load(waited_for(options.golden))
    actual = Run(engine).all(golden["inputs"])
    row["losses"] = losses(golden, actual)
    write_json(options.row, row)
    np.savez(options.row.with_suffix(".npz"), **actual)
    print(json.dumps(row), flush=True)


def losses_of(options):
    measure_losses(options, {"engine": f"TensorRT {trt.__version__}", "planMB": round(options.plan.stat().st_size / 1e6), "at": now()})


def now():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Deadline(trt.IProgressMonitor):
    """Ends a build after so many seconds, in a way that leaves what it has timed."""

    def __init__(self, seconds):
        trt.IProgressMonitor.__init__(self)
        self.ends, self.over = time.time() + seconds, False

    def phase_start(self, phase_name, parent_phase, num_steps):
        pass

    def step_complete(self, phase_name, step):
        self.over = self.over or time.time() > self.ends
        return not self.over

    def phase_finish(self, phase_name):
        pass


def use_timings(config, path):
    """Takes up what other builds have timed, where this is the same TensorRT and GPU. Whether there was anything."""
    if path is None:
        return False
    known = path.read_bytes() if path.exists() else b""
    cache = config.create_timing_cache(known)
    taken = cache is not None and config.set_timing_cache(cache, False)
    if not taken:
        config.set_timing_cache(config.create_timing_cache(b""), False)
    return bool(taken and known)


def keep_timings(config, path):
    """Adds what was timed here to what builds on other GPUs have added meanwhile; gzipped too, to be carried away."""
    if path is None:
        return
    with open(path.with_name(f"{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mine = config.get_timing_cache()
        if path.exists():
            mine.combine(config.create_timing_cache(path.read_bytes()), False)
        data = bytes(memoryview(mine.serialize()))
        write_bytes(path, data)
        write_bytes(path.with_name(f"{path.name}.gz"), gzip.compress(data, 6))


def waited_for(path, seconds=150):
    """The golden may still be in the making on another GPU."""
    ends = time.time() + seconds
    while not path.exists() and time.time() < ends:
        time.sleep(1)
    return path


def mark_all(network):
    """Makes every tensor of floats an output, which TensorRT must write whole, so that nothing is merged across it. Not those
    that only move what another one holds: they change no numbers."""
    moving = {getattr(trt.LayerType, name) for name in ("CONSTANT", "SHUFFLE", "SLICE", "CONCATENATION", "GATHER")}
    marked = 0
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        for tensor in (layer.get_output(i) for i in range(layer.num_outputs)):
            if tensor is None or layer.type in moving or tensor.dtype not in FLOATS or tensor.is_network_output or tensor.is_shape_tensor:
                continue
            network.mark_output(tensor)
            marked += 1
    return marked


def loaded(plan):
    """The engine, after the runtime that must outlive it."""
    runtime = trt.Runtime(LOGGER)
    engine = runtime.deserialize_cuda_engine(plan.read_bytes())
    if engine is None:
        raise SystemExit(f"{plan}: TensorRT does not load it")
    return runtime, engine


class Run:
    """An execution context with its tensors on the GPU, on a stream of its own."""

    def __init__(self, engine):
        self.context = engine.create_execution_context()
        if self.context is None:
            raise SystemExit("no execution context: out of GPU memory?")
        self.stream, self.tensors = torch.cuda.Stream(), {}
        for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
            shape, kind = tuple(engine.get_tensor_shape(name)), KINDS[engine.get_tensor_dtype(name)]
            if name in PORTS:
                self.tensors[name] = torch.zeros(shape, dtype=kind, device="cuda")
                self.context.set_tensor_address(name, self.tensors[name].data_ptr())
            else:
                self.context.set_tensor_address(name, managed(math.prod(shape) * kind.itemsize))

    def enqueue(self):
        if not self.context.execute_async_v3(self.stream.cuda_stream):
            raise SystemExit("TensorRT did not run the engine")

    def feed(self, image):
        self.tensors["image"].copy_(torch.from_numpy(image[None]))
        torch.cuda.synchronize()

    def all(self, images):
        inverse, fov = [], []
        for image in images:
            self.feed(image)
            self.enqueue()
            self.stream.synchronize()
            inverse.append(np.array(self.tensors["inverse_depth"].float().cpu()[0, 0]))
            fov.append(float(self.tensors["fov_deg"].float().reshape(-1)[0]))
        return {"inverse": np.stack(inverse), "fov": np.array(fov, np.float32)}


def managed(size):
    """The address of memory that the driver moves between GPU and host: the marked tensors of FP32 are more than a GPU has."""
    address = ctypes.c_uint64()
    everywhere = ctypes.c_uint(1)
    code = ctypes.CDLL("libcuda.so.1").cuMemAllocManaged(ctypes.byref(address), ctypes.c_size_t(max(size, 1)), everywhere)
    if code != 0:
        raise SystemExit(f"no {size / 1e6:.0f} MB of managed memory: CUDA error {code}")
    return address.value


def time_plan(options):
    torch.zeros(1, device="cuda")
    free, _ = torch.cuda.mem_get_info()
    _runtime, engine = loaded(options.plan)
    run = Run(engine)
    run.feed(np.load(options.golden)["inputs"][0])
    run.enqueue()
    run.stream.synchronize()
    row = read_json(options.row)
    row["deviceMB"] = round((free - torch.cuda.mem_get_info()[0]) / 1e6)
    row["plain"] = time_on(run.stream, run.enqueue)
    write_json(options.row, row)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=run.stream):
        run.enqueue()
    row["graph"] = time_on(run.stream, graph.replay)
    write_json(options.row, row)
    print(json.dumps({"plain": row["plain"], "graph": row["graph"]}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, files in {"parse": ["onnx"], "build": ["onnx", "plan"], "losses": ["plan"], "time": ["plan"]}.items():
        each = verbs.add_parser(verb)
        for file in files:
            each.add_argument(file, type=Path)
        if verb != "parse":
            each.add_argument("--golden", type=Path, required=True)
            each.add_argument("--row", type=Path, required=True)
        if verb == "build":
            each.add_argument("--tf32", action="store_true")
            each.add_argument("--unfused", action="store_true")
            each.add_argument("--level", type=int, default=3)
            each.add_argument("--cache", type=Path)
            each.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    {"parse": lambda options: parsed(options.onnx), "build": build, "losses": losses_of, "time": time_plan}[options.verb](options)


if __name__ == "__main__":
    main()
