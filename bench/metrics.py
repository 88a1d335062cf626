"""Times the numpy reference in this process: metrics.py golden.npy actual.npy [runs]. One JSON line.

Set OMP_NUM_THREADS=1 and its kin before starting, so that both sides of the comparison have one thread.
"""

import json
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "reference"))
from metrics import jsonable, measure  # noqa: E402


def main():
    golden, actual = np.load(sys.argv[1]), np.load(sys.argv[2])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    metrics, _ = measure(golden, actual)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        measure(golden, actual)
        times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps({"times": times, "metrics": jsonable(metrics)}))


if __name__ == "__main__":
    main()
