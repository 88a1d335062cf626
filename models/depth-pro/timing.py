"""Times GPU work by CUDA events on the stream that does it, and says how the GPU was meanwhile."""

import sys
from functools import cache
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2] / "src/engines/worker"))

from depthgate_worker.driver import Device  # noqa: E402
from depthgate_worker.nvml import Nvml  # noqa: E402

WARM, RUNS, SECONDS = 5, 20, 4.0


def time_on(stream, work, runs=RUNS, seconds=SECONDS):
    """`work()` puts one inference on `stream`. Milliseconds of single inferences, each between two events and waited for:
    at least `runs`, and as many as fit into `seconds`. Warmed up first."""
    import torch

    with torch.cuda.stream(stream):
        for _ in range(WARM):
            work()
        stream.synchronize()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        times, before = [], under_load(work)
        while len(times) < runs or sum(times) < seconds * 1000 and len(times) < 400:
            start.record(stream)
            work()
            end.record(stream)
            end.synchronize()
            times.append(start.elapsed_time(end))
        after = under_load(work)
        stream.synchronize()
    median, p95 = np.median(times), np.quantile(times, 0.95)
    return {
        "median": round(float(median), 3), "p95": round(float(p95), 3), "min": round(min(times), 3),
        "variation": round(float(np.std(times) / np.mean(times)), 4), "runs": len(times), "before": before, "after": after,
    }


def under_load(work):
    """Clocks of an idle GPU say nothing: they are read while inferences are under way."""
    for _ in range(3):
        work()
    return gpu().state()


@cache
def gpu():
    """Clocks, temperature, power and driver of the first GPU that this process sees."""
    return Nvml(Device(0).bus())
