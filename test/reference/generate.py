"""Writes metrics.json, the numpy figures that test/unit/metrics/reference.test.ts compares with.

    python3 generate.py

The maps are not stored: `maps` makes them from integers by exact steps, and so does maps.ts beside the test.
"""

import json
import pathlib

import numpy as np

from metrics import jsonable, measure

CASES = [
    dict(width=1, height=1, seed=1),
    dict(width=7, height=1, seed=2),
    dict(width=1, height=9, seed=3),
    dict(width=2, height=2, seed=4, type="float64"),
    dict(width=5, height=3, seed=5),
    dict(width=16, height=16, seed=6, blocks=True),
    dict(width=17, height=33, seed=7, holes=True),
    dict(width=17, height=33, seed=8, broken=True, masked=True),
    dict(width=48, height=64, seed=9, blocks=True, min=2.0, max=6.0),
    dict(width=48, height=64, seed=10, type="float64", min=2.5),
    dict(width=64, height=64, seed=11, max=5.0, holes=True, masked=True),
    dict(width=129, height=97, seed=12),
    dict(width=129, height=97, seed=13, type="float64", blocks=True),
    dict(width=150, height=200, seed=14, blocks=True, holes=True, broken=True, masked=True, min=0.5, max=7.5),
    dict(width=150, height=200, seed=15, coarse=True),
    dict(width=151, height=201, seed=16, coarse=True, blocks=True, negative=True),
    dict(width=151, height=201, seed=17, type="float64", negative=True, holes=True, min=1.0, max=8.0),
]


def mix(seed, index):
    """A 32-bit integer for each index, by multiplying and shifting modulo 2^32."""
    mask = np.uint64(0xFFFFFFFF)
    h = (index.astype(np.uint64) + np.uint64(seed * 0x9E3779B1 & 0xFFFFFFFF)) & mask
    for _ in range(2):
        h = ((h ^ (h >> np.uint64(16))) * np.uint64(0x045D9F3B)) & mask
    return h ^ (h >> np.uint64(16))


def maps(case):
    width, height, seed = case["width"], case["height"], case["seed"]
    index = np.arange(width * height)
    cell = (index // width // 8) * 64 + index % width // 8 if case.get("blocks") else index
    first, second, third = mix(seed, cell), mix(seed + 1000, index), mix(seed + 2000, index) % np.uint64(64)
    golden = ((first & np.uint64(0xFFFF)).astype(np.float64) + 1) / 8192
    if case.get("coarse"):
        step = (second & np.uint64(3)).astype(np.float64) - 1
        actual = golden * (1 + step / 16)
    else:
        step = (second & np.uint64(0xFFF)).astype(np.float64) - 2048
        actual = golden * (1 + step / 16384)
    if case.get("holes"):
        for k, value in enumerate((np.nan, 0.0, -1.0, np.inf)):
            golden[third == k] = value
        actual[third == 1] = 3.0
    if case.get("broken"):
        for k, value in enumerate((np.nan, np.inf, -np.inf)):
            actual[third == 8 + k] = value
    if case.get("negative"):
        for k, value in enumerate((-0.5, 0.0, -0.0, 1e-3, 100.0)):
            actual[third == 16 + k] = value
        # more than half of the ratios below zero, so that their median is negative
        actual[third >= 30] *= -1
    kind = case.get("type", "float32")
    mask = (third % np.uint64(5) != 0).astype(np.uint8).reshape(height, width) if case.get("masked") else None
    return golden.astype(kind).reshape(height, width), actual.astype(kind).reshape(height, width), mask


def main():
    cases = []
    for case in CASES:
        golden, actual, mask = maps(case)
        metrics, counts = measure(golden, actual, mask, case.get("min"), case.get("max"))
        cases.append({**case, "metrics": jsonable(metrics), "counts": jsonable(counts)})
    text = json.dumps(cases, indent=2)
    pathlib.Path(__file__).with_name("metrics.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
