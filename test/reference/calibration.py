"""Writes calibration.json, what test/unit/precision/calibration.test.ts compares with: histograms by NumPy, thresholds
from their definitions, step by step, and np.percentile.

    python3 test/reference/calibration.py

The values are not stored: `noise` makes them from integers by exact steps, and so does test/helpers/graph.ts.
"""

import json
import pathlib

import numpy as np

BINS, LEVELS = 4096, 128


def noise(length, seed):
    state = (seed * 2654435761) & 0xFFFFFFFF
    values = np.empty(length)
    for i in range(length):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = state / 2**31 - 1
    return values.astype(np.float32)


def cubed(values, factor=1.0):
    wide = values.astype(np.float64)
    return (wide * wide * wide * factor).astype(np.float32)


def product(length, seeds, factor):
    wide = np.full(length, factor)
    for seed in seeds:
        wide = wide * noise(length, seed).astype(np.float64)
    return wide.astype(np.float32)


CASES = {
    "even": noise(20000, 1),
    "heavy": product(30000, (2, 7, 8, 9), 37.5),
    "heavier": product(30000, (2, 7, 8, 9, 10, 11, 12, 13), 3.0),
    "positive": np.maximum(cubed(noise(20000, 3), 5.0), np.float32(0)),
    "tiny": cubed(noise(5000, 4), 2.0**-100),
    "outlier": np.concatenate([cubed(noise(20000, 5)), np.float32([1000.0])]),
    "coarse": np.round(cubed(noise(4000, 6), 20.0)),
    "one": np.float32([0.0, 0.0, -3.0]),
    "power": np.float32([4.0, 1.0, 0.25]),
}


def histogram(values):
    magnitudes = np.abs(values.astype(np.float64))
    width = 2.0 ** (np.frexp(magnitudes.max())[1]) / BINS
    counts, _ = np.histogram(magnitudes[magnitudes > 0], bins=np.arange(BINS + 1) * width)
    return counts.astype(np.float64), width


def divergence(counts, i):
    p = counts[:i].copy()
    p[-1] += counts[i:].sum()
    level = np.arange(i) * LEVELS // i
    kept = counts[:i]
    q = np.zeros(i)
    for one in range(LEVELS):
        inside = (level == one) & (kept > 0)
        if inside.any():
            q[inside] = kept[inside].sum() / inside.sum()
    q[(p > 0) & (q == 0)] = 1e-4
    p, q = p / p.sum(), q / q.sum()
    where = p > 0
    return (p[where] * np.log(p[where] / q[where])).sum()


def entropy(counts, width, largest):
    used = int(largest // width) + 1
    best = min((round(divergence(counts, i), 10), -i) for i in range(LEVELS, used + 1) if counts[:i].sum() > 0)
    return min(largest, (-best[1] + 0.5) * width)


def expected(values):
    counts, width = histogram(values)
    magnitudes = np.abs(values.astype(np.float64))
    filled = np.flatnonzero(counts)
    return {
        "width": width,
        "zeros": int((values == 0).sum()),
        "bins": len(filled),
        "checksum": float((filled * counts[filled]).sum()),
        "max": float(magnitudes.max()),
        "percentile": {str(p): float(np.percentile(magnitudes, p, method="inverted_cdf")) for p in (50, 99, 99.99)},
        "entropy": entropy(counts, width, float(magnitudes.max())),
    }


table = {name: expected(values) for name, values in CASES.items()}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(table, indent=2) + "\n")
