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
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()

    def close(self):
        with self.lock:
            self.number += 1
            self.early = False
            self.device.wait_for(self.stream, self.pointer, self.number)
            self.closed = time.monotonic()

    def open(self):
        """Whether it was closed until now."""
        with self.lock:
            self.closed = None
            self.word.value = self.number
            return not self.early

    def _watch(self):
        while not self.ended.wait(PATIENCE / 5):
            # what was closed meanwhile has patience of its own
            with self.lock:
                if self.closed is not None and time.monotonic() - self.closed > PATIENCE:
                    self.early = True
                    self.word.value = self.number

    def free(self):
        self.ended.set()
        self.open()
        # it writes the word
        self.watch.join()
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
