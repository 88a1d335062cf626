"""Frames on standard input and output: b"DGF1", the length of a JSON header (uint32, little-endian), the header, then the
bytes of the arrays that its "arrays" names. Import this before anything that might print: standard output is taken away
from everyone else and given to standard error."""

import json
import os
import struct
import threading

MAGIC = b"DGF1"
HEADER_LIMIT = 1 << 24
ARRAYS_LIMIT = 1 << 32

_out = os.dup(1)
os.dup2(2, 1)
_lock = threading.Lock()


class Refused(Exception):
    """Something that the user can mend. `kind` is a stable word for programs."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def read():
    """The next request as (header, [memoryview of an array, ...]), or None where the parent has closed the stream."""
    start = _exactly(8)
    if start is None:
        return None
    magic, length = start[:4], struct.unpack("<I", start[4:])[0]
    if bytes(magic) != MAGIC or length > HEADER_LIMIT:
        raise Refused("protocol", "what came on standard input is no frame")
    header = json.loads(bytes(_exactly(length)))
    described = header.get("arrays", [])
    if sum(array["bytes"] for array in described) > ARRAYS_LIMIT:
        raise Refused("protocol", "the arrays of a frame are larger than allowed")
    return header, [_exactly(array["bytes"]) for array in described]


def write(header, arrays=()):
    """`arrays` are pairs of a description ({name, type, shape}) and a buffer of bytes."""
    buffers = [memoryview(buffer).cast("B") for _, buffer in arrays]
    header = {**header, "arrays": [{**d, "bytes": len(b)} for (d, _), b in zip(arrays, buffers)]}
    text = json.dumps(header).encode()
    with _lock:
        for piece in (MAGIC + struct.pack("<I", len(text)) + text, *buffers):
            _all(piece)


def _exactly(count):
    data = memoryview(bytearray(count))
    at = 0
    while at < count:
        read = os.readv(0, [data[at:]])
        if read == 0:
            if at == 0:
                return None
            raise EOFError("the parent went away in mid-frame")
        at += read
    return data


def _all(data):
    data = memoryview(data)
    while len(data) > 0:
        data = data[os.write(_out, data[: 1 << 24]) :]
