"""The pictures: three of fixtures/scenes brought to the network's size, as PNG for `depthgate capture` or as its input.

    python3 scenes.py FOLDER        # FOLDER/astronaut.png …, 1536×1536
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench/fidelity"))

from pictures import NAMES, picture, tensor, write_png  # noqa: E402

SIZE = 1536


def inputs(size, mean, std):
    """float32 [scenes, 3, size, size]."""
    return np.concatenate([tensor(picture(name, size), mean, std) for name in NAMES])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        write_png(folder / f"{name}.png", picture(name, SIZE))
