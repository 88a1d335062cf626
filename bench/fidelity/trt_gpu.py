"""Builds TensorRT engines of strongly typed ONNX files and writes how far they are from PyTorch's FP32 on the same GPU.

    . DEST/env.sh; python3 trt_gpu.py --onnx work/packed --out OUT [--only NAME …] [--limit 200] [--jobs 3] [--level N]

Takes every NAME.onnx, NAME.fp16.onnx and NAME.fp16-fp32sum.onnx of the folder, smallest first, each in a process of its own
that is ended after --limit seconds. OUT/tensorrt.json is written anew after every engine. TF32 is off.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np

os.environ["NVIDIA_TF32_OVERRIDE"] = "0"


def build(path, level):
    """The engine of a strongly typed network, with the module and the runtime that it lives in."""
    import tensorrt as trt

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(path)):
        raise SystemExit("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 8 << 30)
    if level is not None:
        config.builder_optimization_level = level
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise SystemExit("TensorRT built no plan")
    runtime = trt.Runtime(logger)
    return trt, runtime, runtime.deserialize_cuda_engine(plan)


def run(trt, engine, feed):
    """The engine's outputs by name, float32 arrays, for one input tensor on the GPU."""
    import torch

    kinds = {
        trt.float32: torch.float32, trt.float16: torch.float16, trt.bfloat16: torch.bfloat16,
        trt.int32: torch.int32, trt.int64: torch.int64, trt.bool: torch.bool,
    }
    context = engine.create_execution_context()
    tensors, outputs = {}, []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        kind = kinds[engine.get_tensor_dtype(name)]
        if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            tensors[name] = feed.to(kind).contiguous()
        else:
            tensors[name] = torch.empty(tuple(engine.get_tensor_shape(name)), dtype=kind, device="cuda")
            outputs.append(name)
        context.set_tensor_address(name, tensors[name].data_ptr())
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    if not context.execute_async_v3(stream.cuda_stream):
        raise SystemExit("TensorRT did not run the engine")
    stream.synchronize()
    return {name: tensors[name].float().cpu().numpy() for name in outputs}


def one(path, level, keep):
    """Builds and runs one file; prints its figures as the last line."""
    import torch
    from figures import figures, mean_of
    from networks import NETWORKS
    from on_gpu import goldens, strict_fp32

    strict_fp32()
    name = path.name.split(".")[0]
    _, inputs, golden = goldens(name, "cuda")
    start = time.time()
    trt, _runtime, engine = build(path, level)
    seconds = time.time() - start
    scenes, first = {}, None
    for scene, feed in inputs.items():
        actual = run(trt, engine, feed)[next(iter(NETWORKS[name].outputs))].squeeze()
        first = actual if first is None else first
        scenes[scene] = figures(golden[scene], actual)
    np.save(keep, first)
    print(json.dumps({
        "scenes": scenes, "mean": mean_of(scenes), "buildSeconds": round(seconds, 1), "layers": engine.num_layers,
        "tensorrt": trt.__version__, "device": torch.cuda.get_device_name(),
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onnx", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--level", type=int)
    parser.add_argument("--one", nargs=2, type=Path)
    options = parser.parse_args()
    if options.one:
        return one(options.one[0], options.level, options.one[1])

    options.out.mkdir(parents=True, exist_ok=True)
    order = ["pocket", "vit_small", "conv", "vit4", "vit12"]
    files = [path for path in options.onnx.glob("*.onnx") if path.name.split(".")[0] in (options.only or order)]
    files.sort(key=lambda path: (order.index(path.name.split(".")[0]), len(path.name)))
    if not files:
        raise SystemExit(f"{options.onnx}: holds no ONNX file of these networks")
    results, maps, lock = {}, {}, Lock()

    def measure(path):
        keep = options.out / f"{path.stem}.npy"
        command = [sys.executable, __file__, "--one", str(path), str(keep)]
        command += [] if options.level is None else ["--level", str(options.level)]
        start = time.time()
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=options.limit)
            result = json.loads(ran.stdout.splitlines()[-1]) if ran.returncode == 0 else {"error": (ran.stdout + ran.stderr)[-1500:]}
        except subprocess.TimeoutExpired:
            result = {"error": f"took longer than {options.limit} s"}
        except (IndexError, ValueError) as error:
            result = {"error": f"no figures: {error}"}
        with lock:
            results[path.stem] = result
            if keep.exists():
                maps[path.stem] = np.load(keep)
                keep.unlink()
            (options.out / "tensorrt.json").write_text(json.dumps(results, indent=1) + "\n")
            np.savez_compressed(options.out / "tensorrt.npz", **{name: each for name, each in maps.items() if each.size < 100_000})
            print(f"{path.stem} ({time.time() - start:.0f} s): {json.dumps(result.get('mean', result.get('error')))}", flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(measure, files))


if __name__ == "__main__":
    main()
