"""A loop of CUDA events around a plan by other means than depthgate's worker: PyTorch's streams, events, graphs and memory.

event_loop.py PLAN INPUT.f32 plain|graph WARMUP_SECONDS SECONDS   prints JSON, in milliseconds:

  median, variation, count   of single inferences, the GPU kept busy by a kernel that spins until each is enqueued whole, so
                             that between the events there is the GPU's work alone
  behind                     of a graph: the median of twenty one behind another, divided by twenty; what lies between an
                             event, the kernel that spins and a graph is not the inference's
  unheld                     the median without that kernel: time that the host takes between the events is in it
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
first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def enqueue():
    context.execute_async_v3(stream.cuda_stream)


def host_milliseconds():
    stream.synchronize()
    start = time.perf_counter()
    work()
    taken = (time.perf_counter() - start) * 1000
    stream.synchronize()
    return taken


def spin_for(milliseconds):
    torch.cuda._sleep(int(milliseconds * cycles))


def timed(milliseconds, inferences=1):
    times = []
    begun = time.perf_counter()
    while len(times) < 10 or time.perf_counter() - begun < float(seconds):
        if milliseconds:
            spin_for(milliseconds * inferences)
        first.record(stream)
        for _ in range(inferences):
            work()
        last.record(stream)
        stream.synchronize()
        times.append(first.elapsed_time(last) / inferences)
    return times


with torch.cuda.stream(stream):
    work = enqueue
    enqueue()
    stream.synchronize()
    if how == "graph":
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            enqueue()
        work = graph.replay
    start = time.perf_counter()
    while time.perf_counter() - start < float(warmup):
        work()
        stream.synchronize()

    # cycles of the kernel that spins, in a millisecond
    cycles = 1e6
    for _ in range(2):
        first.record(stream)
        spin_for(10)
        last.record(stream)
        stream.synchronize()
    cycles *= 10 / first.elapsed_time(last)
    # twice what the host takes at its slowest, that none is late
    host = [host_milliseconds() for _ in range(20)]
    held = timed(2 * max(host) + 0.1)
    unheld = timed(0)
    # an event, a kernel that spins and a graph behind one another leave gaps of their own: many inferences share one here
    behind = timed(2 * max(host) + 0.1, inferences=20) if how == "graph" else None

print(
    json.dumps(
        {
            "median": statistics.median(held),
            "variation": statistics.pstdev(held) / statistics.fmean(held),
            "count": len(held),
            "unheld": statistics.median(unheld),
            "host": statistics.median(host),
            "behind": behind and statistics.median(behind),
        }
    )
)
