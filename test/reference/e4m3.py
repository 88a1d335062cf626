"""Writes e4m3.json: numbers and their bits as float8 E4M3FN by ml_dtypes, set to the largest where they lie beyond.

    python3 test/reference/e4m3.py

Every finite E4M3 number, the middles between neighbours, their neighbours in float32 and what lies beyond the ends.
"""

import json
import pathlib

import ml_dtypes
import numpy as np

finite = np.arange(0x7F, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)
middles = ((finite[1:].astype(np.float64) + finite[:-1]) / 2).astype(np.float32)
edges = np.concatenate([finite, middles])
odd = np.float32([1e-45, 1e-10, 2.0**-10, 449, 463.9, 464, 465, 480, 1e9, 3.4e38, 0.1, 1 / 3, 3.14159, 20.49])
positive = np.unique(np.concatenate([edges, np.nextafter(edges, np.float32(1e9)), np.nextafter(edges[1:], np.float32(0)), odd]))
values = np.concatenate([positive, -positive])
bits = np.clip(values, -448, 448).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
table = [[float(value), int(byte)] for value, byte in zip(values, bits)]
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(table) + "\n")
