"""The CUDA driver through ctypes: it comes with every NVIDIA driver, in one ABI for all versions, so that no Python package
is needed beside `tensorrt`. The device's primary context is used, which TensorRT and PyTorch share."""

import ctypes
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_ulonglong, c_void_p

from .frames import Refused

MAJOR, MINOR = 75, 76
NON_BLOCKING = 1
DEVICE_MAPPED = 2
CAPTURE_THREAD_LOCAL = 1
AT_LEAST = 0


def _library():
    for name in ("libcuda.so.1", "libcuda.so", "/usr/local/nvidia/lib64/libcuda.so.1"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    raise Refused("no-gpu", "there is no CUDA driver here: libcuda.so.1 was not found")


class Device:
    """One GPU, its primary context current in this thread."""

    def __init__(self, index):
        self.library = _library()
        self.index = index
        self.call("cuInit", c_uint(0), kind="no-gpu")
        count = c_int()
        self.call("cuDeviceGetCount", byref(count), kind="no-gpu")
        if index >= count.value:
            raise Refused("no-gpu", f"there is no GPU {index}: the CUDA driver sees {count.value}")
        self.handle = c_int()
        self.call("cuDeviceGet", byref(self.handle), c_int(index))
        context = c_void_p()
        self.call("cuDevicePrimaryCtxRetain", byref(context), self.handle)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments, kind="cuda"):
        code = getattr(self.library, name)(*arguments)
        if code == 0:
            return
        word, text = c_char_p(), c_char_p()
        self.library.cuGetErrorName(c_int(code), byref(word))
        self.library.cuGetErrorString(c_int(code), byref(text))
        said = f"{(word.value or b'?').decode()}: {(text.value or b'?').decode()}"
        raise Refused("memory" if code == 2 else kind, f"{name} gave {said}")

    def facts(self):
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, c_int(256), self.handle)
        version = c_int()
        self.call("cuDriverGetVersion", byref(version))
        return {
            "gpu": name.value.decode(),
            "computeCapability": f"{self._attribute(MAJOR)}.{self._attribute(MINOR)}",
            "cuda": f"{version.value // 1000}.{version.value % 1000 // 10}",
            "memory": self.memory()[1],
        }

    def _attribute(self, which):
        value = c_int()
        self.call("cuDeviceGetAttribute", byref(value), c_int(which), self.handle)
        return value.value

    def bus(self):
        text = ctypes.create_string_buffer(64)
        self.call("cuDeviceGetPCIBusId", text, c_int(64), self.handle)
        return text.value.decode()

    def memory(self):
        """(free, total) in bytes."""
        free, total = c_size_t(), c_size_t()
        self.call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value, total.value

    def allocate(self, size):
        pointer = c_uint64()
        self.call("cuMemAlloc_v2", byref(pointer), c_size_t(max(size, 1)))
        return pointer.value

    def free(self, pointer):
        self.call("cuMemFree_v2", c_uint64(pointer))

    def pinned(self, size):
        """Host memory that the GPU copies from and to without a detour, as (address, writable memoryview)."""
        pointer = c_void_p()
        self.call("cuMemHostAlloc", byref(pointer), c_size_t(max(size, 1)), c_uint(DEVICE_MAPPED))
        view = (ctypes.c_ubyte * size).from_address(pointer.value)
        return pointer.value, memoryview(view).cast("B")

    def free_pinned(self, address):
        self.call("cuMemFreeHost", c_void_p(address))

    def pointer_of(self, address):
        """Where the GPU sees pinned host memory."""
        pointer = c_uint64()
        self.call("cuMemHostGetDevicePointer_v2", byref(pointer), c_void_p(address), c_uint(0))
        return pointer.value

    def upload(self, pointer, address, size, stream):
        self.call("cuMemcpyHtoDAsync_v2", c_uint64(pointer), c_void_p(address), c_size_t(size), c_void_p(stream))

    def download(self, address, pointer, size, stream):
        self.call("cuMemcpyDtoHAsync_v2", c_void_p(address), c_uint64(pointer), c_size_t(size), c_void_p(stream))

    def stream(self):
        handle = c_void_p()
        self.call("cuStreamCreate", byref(handle), c_uint(NON_BLOCKING))
        return handle.value

    def destroy_stream(self, stream):
        self.call("cuStreamDestroy_v2", c_void_p(stream))

    def synchronize(self, stream):
        self.call("cuStreamSynchronize", c_void_p(stream))

    def wait_for(self, stream, pointer, value):
        """Holds a stream until the word that the GPU sees at `pointer` is at least `value`."""
        self.call("cuStreamWaitValue32_v2", c_void_p(stream), c_uint64(pointer), c_uint(value), c_uint(AT_LEAST))

    def event(self):
        handle = c_void_p()
        self.call("cuEventCreate", byref(handle), c_uint(0))
        return handle.value

    def record(self, event, stream):
        self.call("cuEventRecord", c_void_p(event), c_void_p(stream))

    def elapsed(self, start, end):
        """Milliseconds between two events that have both happened."""
        value = c_float()
        self.call("cuEventElapsedTime", byref(value), c_void_p(start), c_void_p(end))
        return value.value

    def destroy_event(self, event):
        self.call("cuEventDestroy_v2", c_void_p(event))

    def capture(self, stream, work):
        """The launches of `work` as one graph; returns (launch, destroy)."""
        graph, executable = c_void_p(), c_void_p()
        self.call("cuStreamBeginCapture_v2", c_void_p(stream), c_int(CAPTURE_THREAD_LOCAL))
        try:
            work()
        finally:
            self.call("cuStreamEndCapture", c_void_p(stream), byref(graph))
        self.call("cuGraphInstantiateWithFlags", byref(executable), graph, c_ulonglong(0))

        def destroy():
            self.call("cuGraphExecDestroy", executable)
            self.call("cuGraphDestroy", graph)

        return lambda: self.call("cuGraphLaunch", executable, c_void_p(stream)), destroy
