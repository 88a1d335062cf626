"""A loop of CUDA events around a plan, by other means than depthgate's worker: PyTorch's streams, events and memory.

event_loop.py PLAN INPUT.f32 plain|graph WARMUP_SECONDS SECONDS   prints {"median", "mean", "count"} in milliseconds.
"""

import json
import statistics
import sys
import time

import tensorrt as trt
import torch

plan, data, how, warmup, seconds = sys.argv[1:]
logger = trt.Logger(trt.Logger.ERROR)
trt.init_libnvinfer_plugins(logger, "")
with open(plan, "rb") as file:
    engine = trt.Runtime(logger).deserialize_cuda_engine(file.read())
context = engine.create_execution_context()
types = {trt.float32: torch.float32, trt.float16: torch.float16, trt.int32: torch.int32, trt.int64: torch.int64}
tensors = {}
for i in range(engine.num_io_tensors):
    name = engine.get_tensor_name(i)
    tensors[name] = torch.empty(tuple(engine.get_tensor_shape(name)), dtype=types[engine.get_tensor_dtype(name)], device="cuda")
    context.set_tensor_address(name, tensors[name].data_ptr())
    if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
        with open(data, "rb") as file:
            values = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
        tensors[name].copy_(values.reshape(tensors[name].shape))
torch.cuda.synchronize()

stream = torch.cuda.Stream()


def enqueue():
    context.execute_async_v3(stream.cuda_stream)


work = enqueue
enqueue()
stream.synchronize()
if how == "graph":
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        enqueue()

    def work():
        with torch.cuda.stream(stream):
            graph.replay()


start = time.perf_counter()
while time.perf_counter() - start < float(warmup):
    work()
    stream.synchronize()
times = []
start = time.perf_counter()
while time.perf_counter() - start < float(seconds):
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record(stream)
    work()
    last.record(stream)
    stream.synchronize()
    times.append(first.elapsed_time(last))
print(json.dumps({"median": statistics.median(times), "mean": statistics.fmean(times), "count": len(times)}))
