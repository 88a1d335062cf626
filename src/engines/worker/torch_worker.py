"""Times a PyTorch network beside the engines: the same events, the same warm-up, the same tensor.

python torch_worker.py reads requests as frames and answers each. Needs torch with CUDA, and the file of the network.
"""

import importlib.util
import os
import sys

from depthgate_worker import server
from depthgate_worker.frames import Refused

state = {}


def hello(request, arrays, progress):
    try:
        import torch
    except ImportError as missing:
        raise Refused("no-torch", f"{sys.executable}: {missing}") from missing
    if not torch.cuda.is_available():
        raise Refused("no-gpu", f"PyTorch {torch.__version__} sees no GPU")
    from depthgate_worker import nvml

    index = state["index"] = request["device"]
    torch.cuda.set_device(index)
    major, minor = torch.cuda.get_device_capability(index)
    state["nvml"] = nvml.Nvml(_bus(torch, index))
    return {
        "gpu": torch.cuda.get_device_name(index),
        "computeCapability": f"{major}.{minor}",
        "torch": torch.__version__,
        "driver": state["nvml"].driver(),
    }


def _bus(torch, index):
    properties = torch.cuda.get_device_properties(index)
    if hasattr(properties, "pci_bus_id"):
        return f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"
    from depthgate_worker import driver

    return driver.Device(index).bus()


def load(request, arrays, progress):
    """The network of FILE.py:FACTORY in a precision, on the GPU."""
    import torch

    state.pop("network", None)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    network = _factory(request["file"], request["factory"])()
    types = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    state["type"] = types[request["precision"]]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request["precision"] == "tf32"
    network = network.eval().to("cuda", state["type"])
    state["network"] = torch.compile(network) if request["compile"] else network
    state["outputs"] = request["outputs"]
    return {"deviceBytes": torch.cuda.memory_allocated() - before}


def _factory(path, name):
    spec = importlib.util.spec_from_file_location("depthgate_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["depthgate_model"] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise Refused("request", f"{path}: has no {name!r}")
    return getattr(module, name)


def run(request, arrays, progress):
    import time as clock

    import torch

    tensor = _tensor(torch, request, arrays)
    with torch.inference_mode():
        start = clock.perf_counter()
        result = state["network"](tensor)
        torch.cuda.synchronize()
        milliseconds = (clock.perf_counter() - start) * 1000
    outputs = []
    for name, value in _by_name(result, request["fetch"]).items():
        value = value.detach().float().cpu().contiguous()
        outputs.append(({"name": name, "type": "FLOAT", "shape": list(value.shape)}, value.numpy().tobytes()))
    return {"milliseconds": milliseconds}, outputs


def _tensor(torch, request, arrays):
    described = request["arrays"][0]
    flat = torch.frombuffer(bytearray(arrays[0]), dtype=torch.float32)
    return flat.reshape(described["shape"]).to("cuda", state["type"])


def _by_name(result, wanted):
    """What is wanted: by key of mappings, else by the place of its name among the outputs of the export."""
    names = list(result) if hasattr(result, "items") else state["outputs"]
    lacks = [name for name in wanted if name not in names]
    if lacks:
        raise Refused("request", f"the network returned {sorted(names)}, not {lacks}")
    if hasattr(result, "items"):
        return {name: result[name] for name in wanted}
    items = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(items) < len(names):
        raise Refused("request", f"the network returned {len(items)} outputs, its export has {len(names)}: {', '.join(names)}")
    found = dict(zip(names, items))
    return {name: found[name] for name in wanted}


class Device:
    """PyTorch's streams and events under the names that `timing` calls."""

    def __init__(self, torch):
        self.torch = torch

    def event(self):
        return self.torch.cuda.Event(enable_timing=True)

    def record(self, event, stream):
        event.record(stream)

    def synchronize(self, stream):
        stream.synchronize()

    def elapsed(self, start, end):
        return start.elapsed_time(end)

    def destroy_event(self, event):
        pass


def time(request, arrays, progress):
    from depthgate_worker import driver, timing
    from depthgate_worker.gate import gate_for
    import torch

    tensor = _tensor(torch, request, arrays)
    host = tensor.cpu().pin_memory()
    inward, outward = request["transfers"] in ("in", "both"), request["transfers"] in ("out", "both")
    if request["graph"] and (inward or outward):
        raise Refused("graph", "of PyTorch a CUDA graph holds the network alone, so with copies it is timed plain only")
    network, stream, device = state["network"], torch.cuda.Stream(), Device(torch)

    def work():
        if inward:
            tensor.copy_(host, non_blocking=True)
        result = network(tensor)
        if outward:
            for value in _by_name(result, request["fetch"]).values():
                value.to("cpu", non_blocking=True)

    torch.cuda.synchronize()
    gate = gate_for(driver.Device(state["index"]), stream.cuda_stream)
    try:
        with torch.inference_mode(), torch.cuda.stream(stream):
            for _ in range(3):
                work()
            stream.synchronize()
            if request["graph"]:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=stream):
                    network(tensor)
                work = graph.replay
            return timing.measure(device, stream, state["nvml"], work, request, gate)
    finally:
        if gate:
            gate.free()


server.serve({"hello": hello, "load": load, "run": run, "time": time})
