"""One picture of the first scene: golden, TensorRT FP16, and the error, white where it is a tenth of the golden.

    python3 preview.py WORK OUT.png
"""

import sys
from pathlib import Path

import numpy as np
from scenes import write_png

work, out = Path(sys.argv[1]), Path(sys.argv[2])
golden = np.load(work / "golden.npz")["inverse"][0, ::3, ::3]
actual = np.load(work / "rows/fp16.npz")["inverse"][0, ::3, ::3]
low, high = np.quantile(golden, [0.01, 0.99])
panels = [(golden - low) / (high - low), (actual - low) / (high - low), 10 * np.abs(actual - golden) / np.maximum(golden, 1e-6)]
grey = np.clip(np.concatenate(panels, 1) * 255, 0, 255).astype(np.uint8)
write_png(out, np.repeat(grey[..., None], 3, 2))
