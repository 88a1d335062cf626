"""The pictures that the networks see: those of fixtures/scenes, brought to a network's size by NumPy alone."""

import struct
import zlib
from pathlib import Path

import numpy as np

SCENES = Path(__file__).resolve().parent.parent.parent / "fixtures/scenes"
NAMES = ("astronaut", "coffee", "kitchen")


def picture(name, size):
    """uint8 [size, size, 3]; the same on every machine, since float64 sums of a few products are rounded to bytes."""
    pixels = read_png(SCENES / f"{name}.png")
    if pixels.shape[0] == size:
        return pixels
    rows = resample(pixels.astype(np.float64), size)
    return np.floor(resample(rows.transpose(1, 0, 2), size).transpose(1, 0, 2) + 0.5).astype(np.uint8)


def tensor(pixels, mean, std):
    """float32 [1, 3, H, W], (pixel / 255 - mean) / std."""
    values = (pixels / 255 - np.array(mean)) / np.array(std)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def resample(pixels, size):
    """Linear along the first axis, pixel centres as in OpenCV and PyTorch without align_corners."""
    length = pixels.shape[0]
    at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    low = np.minimum(at.astype(int), length - 2)
    share = (at - low)[:, None, None]
    return pixels[low] * (1 - share) + pixels[low + 1] * share


def read_png(path):
    """uint8 [H, W, 3] of an 8-bit RGB file without interlacing."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if (depth, colour, interlaced) != (8, 2, 0):
                raise SystemExit(f"{path}: is not an 8-bit RGB PNG without interlacing")
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    lines = np.zeros((height + 1, 3 * width + 3), np.uint8)  # a row above and a pixel to the left, both zero
    for y, (kind, *row) in enumerate(raw.tolist(), start=1):
        above, line = lines[y - 1].tolist(), [0, 0, 0]
        for x, value in enumerate(row, start=3):
            line.append(value + predicted(kind, line[x - 3], above[x], above[x - 3]) & 255)
        lines[y] = line
    return lines[1:, 3:].reshape(height, width, 3)


def predicted(kind, left, up, corner):
    """What PNG's five filters foretell of a byte."""
    if kind < 3:
        return (0, left, up)[kind]
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def write_png(path, pixels):
    """8-bit RGB from uint8 [H, W, 3]."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b"")
    )
