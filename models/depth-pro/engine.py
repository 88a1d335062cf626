"""Builds one strongly typed TensorRT engine and measures its losses, or times its plan. Each in a process of its own.

    . DEST/env.sh
    python3 engine.py parse ONNX                                        # does TensorRT read it at all?
    python3 engine.py build ONNX PLAN --golden golden.npz --row ROW.json [--tf32] [--unfused] [--cache timing.cache]
    python3 engine.py time PLAN --golden golden.npz --row ROW.json

`build` writes ROW.json, `time` adds to it. Needs the tensorrt bindings, PyTorch and NumPy.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import tensorrt as trt
import torch
from files import read_json, write_json
from losses import losses
from timing import time_on

LOGGER = trt.Logger(trt.Logger.WARNING)
KINDS = {trt.float32: torch.float32, trt.float16: torch.float16, trt.bfloat16: torch.bfloat16}
FLOATS = tuple(KINDS)


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
    marked = mark_all(network) if options.unfused else 0
    known = options.cache.read_bytes() if options.cache and options.cache.exists() else b""
    cache = config.create_timing_cache(known)
    config.set_timing_cache(cache, False)
    begun = time.time()
    plan = builder.build_serialized_network(network, config)
    seconds = time.time() - begun
    if plan is None:
        raise SystemExit("TensorRT built no plan")
    options.plan.write_bytes(memoryview(plan))
    row = {
        "engine": f"TensorRT {trt.__version__}", "buildSeconds": round(seconds, 1), "planMB": round(plan.nbytes / 1e6),
        "timingsKnown": len(known) > 0, "marked": marked,
    }
    del plan, network, parser, builder
    write_json(options.row, row)
    if options.cache:
        mine = config.get_timing_cache()
        if options.cache.exists():  # another build may have ended since
            mine.combine(config.create_timing_cache(options.cache.read_bytes()), False)
        part = options.cache.with_name(f"{options.cache.name}.{os.getpid()}")
        part.write_bytes(memoryview(mine.serialize()))
        os.replace(part, options.cache)
    _runtime, engine = loaded(options.plan)
    golden = np.load(options.golden)
    row |= {"layers": engine.num_layers, "scratchMB": round(engine.device_memory_size_v2 / 1e6)}
    actual = Run(engine).all(golden["inputs"])
    row["losses"] = losses(golden, actual)
    write_json(options.row, row)
    np.savez(options.row.with_suffix(".npz"), **actual)
    print(json.dumps(row), flush=True)


def mark_all(network):
    """Marks every tensor of floats as a debug tensor, which TensorRT may not merge away; their values are never fetched."""
    marked = 0
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        for tensor in (layer.get_output(i) for i in range(layer.num_outputs)):
            if layer.type != trt.LayerType.CONSTANT and tensor is not None and tensor.dtype in FLOATS and not tensor.is_network_output:
                marked += network.mark_debug(tensor)
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
            self.tensors[name] = torch.zeros(shape, dtype=kind, device="cuda")
            self.context.set_tensor_address(name, self.tensors[name].data_ptr())

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
    for verb, files in {"parse": ["onnx"], "build": ["onnx", "plan"], "time": ["plan"]}.items():
        each = verbs.add_parser(verb)
        for file in files:
            each.add_argument(file, type=Path)
        if verb != "parse":
            each.add_argument("--golden", type=Path, required=True)
            each.add_argument("--row", type=Path, required=True)
        if verb == "build":
            each.add_argument("--tf32", action="store_true")
            each.add_argument("--unfused", action="store_true")
            each.add_argument("--cache", type=Path)
    options = parser.parse_args()
    if not getattr(options, "tf32", True):
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    {"parse": lambda: parsed(options.onnx), "build": lambda: build(options), "time": lambda: time_plan(options)}[options.verb]()


if __name__ == "__main__":
    main()
