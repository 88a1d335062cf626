"""Times the numpy reference: metrics.py golden.npy actual.npy. Prints its metrics as one line of JSON after a
warm-up, then for each line read from stdin measures once more and prints the milliseconds.

Set OMP_NUM_THREADS=1 and its kin before starting, so that both sides of the comparison have one thread.
"""

import json
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "reference"))
sys.dont_write_bytecode = True
from metrics import jsonable, measure  # noqa: E402


def main():
    golden, actual = np.load(sys.argv[1]), np.load(sys.argv[2])
    measure(golden, actual)
    metrics, _ = measure(golden, actual)
    print(json.dumps(jsonable(metrics)), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        measure(golden, actual)
        print((time.perf_counter() - start) * 1e3, flush=True)


if __name__ == "__main__":
    main()
