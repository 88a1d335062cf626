"""Holds a stream back until the host has put everything on it: between two events there is then the GPU's work alone, and
not the time in which the host enqueues it. A short network is done before its host is."""

import ctypes
import threading
import time

from .frames import Refused

# seconds after which it opens by itself: the driver takes about a thousand launches, then enqueueing waits for the GPU
PATIENCE = 0.25


class Gate:
    """A word of host memory that the GPU waits for. `close`, enqueue, `open`."""

    def __init__(self, device, stream):
        self.device, self.stream = device, stream
        self.number, self.closed, self.early = 0, None, False
        self.address, _ = device.pinned(4)
        self.word = ctypes.c_uint32.from_address(self.address)
        self.word.value = 0
        self.pointer = device.pointer_of(self.address)
        self.ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self):
        self.number += 1
        self.early = False
        self.device.wait_for(self.stream, self.pointer, self.number)
        self.closed = time.monotonic()

    def open(self):
        """Whether it was closed until now."""
        self.closed = None
        self.word.value = self.number
        return not self.early

    def _watch(self):
        while not self.ended.wait(PATIENCE / 5):
            closed = self.closed
            if closed is not None and time.monotonic() - closed > PATIENCE:
                self.early = True
                self.word.value = self.number

    def free(self):
        self.ended.set()
        self.open()
        self.device.synchronize(self.stream)
        self.device.free_pinned(self.address)


def gate_for(device, stream):
    """A gate, or None where the driver has no such waits."""
    made = Gate(device, stream)
    try:
        device.wait_for(stream, made.pointer, 0)
    except (Refused, AttributeError):
        made.free()
        return None
    return made
