"""A plan that is loaded, with device memory for each of its inputs and outputs."""

import time

from . import library
from .frames import Refused

BYTES = {"FLOAT": 4, "HALF": 2, "BF16": 2, "INT8": 1, "INT32": 4, "INT64": 8, "BOOL": 1, "UINT8": 1, "FP8": 1, "INT4": 0.5}


class Session:
    def __init__(self, device, path, shape=None, host_code=False):
        trt = library.tensorrt()
        self.device = device
        self.held = []
        free = device.memory()[0]
        self.runtime = trt.Runtime(library.logger())
        if host_code and hasattr(self.runtime, "engine_host_code_allowed"):
            self.runtime.engine_host_code_allowed = True
        library.logger().errors.clear()
        with open(path, "rb") as file:
            plan = file.read()
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        del plan
        if self.engine is None:
            words = library.said()
            raise Refused(library.kind_of(words, "plan"), words)
        self.context = self.engine.create_execution_context()
        if self.context is None:
            words = library.said()
            raise Refused(library.kind_of(words, "run"), words)
        self.stream = device.stream()
        self.ports = {}
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        self.inputs = [n for n in names if self.engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self.outputs = [n for n in names if n not in self.inputs]
        self._fix_shapes(shape)
        try:
            for name in names:
                self._allocate(trt, name)
        except Refused:
            self.free()
            raise
        # what the driver reserved in passing counts too: it is gone for others
        self.bytes = max(0, free - device.memory()[0])

    def another_context(self):
        """A second context on the same tensors, for what must not change the first."""
        context = self.engine.create_execution_context()
        if context is None:
            words = library.said()
            raise Refused(library.kind_of(words, "run"), words)
        for name in self.inputs:
            if any(length < 0 for length in self.engine.get_tensor_shape(name)):
                context.set_input_shape(name, self.ports[name]["shape"])
        for name, port in self.ports.items():
            context.set_tensor_address(name, port["pointer"])
        return context

    def _fix_shapes(self, shape):
        for name in self.inputs:
            own = tuple(self.engine.get_tensor_shape(name))
            if all(length >= 0 for length in own):
                continue
            if len(self.inputs) > 1 or not shape:
                raise Refused("shape", f"{name} has axes of unknown length {own}. Build the plan at a fixed size")
            if not self.context.set_input_shape(name, tuple(shape)):
                raise Refused("shape", f"{name} {own} does not take the scene's tensor of {tuple(shape)}: {library.said()}")

    def _allocate(self, trt, name):
        kind = self.engine.get_tensor_dtype(name).name
        shape = tuple(self.context.get_tensor_shape(name))
        if any(length < 0 for length in shape):
            raise Refused("shape", f"the size of {name} {shape} depends on values, so it cannot be held ready")
        if self.engine.get_tensor_format(name) != trt.TensorFormat.LINEAR:
            raise Refused("plan", f"{name} is laid out as {self.engine.get_tensor_format(name).name}. Build the plan with linear inputs and outputs")
        count = 1
        for length in shape:
            count *= length
        size = int(count * BYTES[kind] + 0.5)
        pointer = self.device.allocate(size)
        self.held.append((self.device.free, pointer))
        self.ports[name] = {"name": name, "type": kind, "shape": shape, "bytes": size, "pointer": pointer}
        if not self.context.set_tensor_address(name, pointer):
            raise Refused("run", f"{name}: {library.said()}")

    def staging(self, name):
        """Pinned host memory for one port, made when it is first needed: (address, memoryview)."""
        port = self.ports[name]
        if "staging" not in port:
            port["staging"] = self.device.pinned(port["bytes"])
            self.held.append((self.device.free_pinned, port["staging"][0]))
        return port["staging"]

    def facts(self):
        engine = self.engine
        activations = getattr(engine, "device_memory_size_v2", None)
        return {
            "inputs": [self._port(name) for name in self.inputs],
            "outputs": [self._port(name) for name in self.outputs],
            "layers": engine.num_layers,
            "activationBytes": activations if activations is not None else engine.device_memory_size,
            "deviceBytes": self.bytes,
        }

    def _port(self, name):
        return {key: self.ports[name][key] for key in ("name", "type", "shape")}

    def feed(self, arrays):
        """Copies arrays ({name: bytes}) to the inputs; returns when they are there."""
        for name, data in arrays.items():
            port = self.ports[name]
            if len(data) != port["bytes"]:
                raise Refused("shape", f"{name} {port['shape']} takes {port['bytes']} bytes, got {len(data)}")
            self.staging(name)[1][:] = data
            self.upload(name)
        self.device.synchronize(self.stream)

    def upload(self, name):
        port = self.ports[name]
        self.device.upload(port["pointer"], self.staging(name)[0], port["bytes"], self.stream)

    def download(self, name):
        port = self.ports[name]
        self.device.download(self.staging(name)[0], port["pointer"], port["bytes"], self.stream)

    def enqueue(self):
        if not self.context.execute_async_v3(self.stream):
            words = library.said()
            raise Refused(library.kind_of(words, "run"), words)

    def run(self, arrays, fetch):
        """Returns (milliseconds of the run alone, [(description, bytes), ...])."""
        library.logger().errors.clear()
        self.feed(arrays)
        start = time.perf_counter()
        self.enqueue()
        self.device.synchronize(self.stream)
        milliseconds = (time.perf_counter() - start) * 1000
        if library.logger().errors:
            raise Refused("run", library.said())
        for name in fetch:
            self.download(name)
        self.device.synchronize(self.stream)
        return milliseconds, [(self._port(name), bytes(self.staging(name)[1])) for name in fetch]

    def free(self):
        for release, what in reversed(self.held):
            release(what)
        self.held.clear()
        self.context = self.engine = self.runtime = None
        self.device.destroy_stream(self.stream)
