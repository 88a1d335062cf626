"""The metrics of depthgate in plain numpy, float64 throughout: what the fast code is tested against.

    python3 metrics.py golden.npy actual.npy [--mask mask.npy] [--min 0.1] [--max 80]

Both maps are height x width depths. Prints one JSON object; NaN and the infinities are strings in it.
The formulas are written the way textbooks give them, with no trick shared with the code under test.
"""

import argparse
import json
import math

import numpy as np

THRESHOLDS = np.linspace(1.05, 1.25, 10)


def measure(golden, actual, mask=None, minimum=None, maximum=None):
    """All figures of one pair of maps, as a flat dict of metrics and a dict of counts."""
    golden = np.asarray(golden, dtype=np.float64)
    actual = np.asarray(actual, dtype=np.float64)
    unmasked = np.ones(golden.shape, dtype=bool) if mask is None else np.asarray(mask) != 0
    low = -np.inf if minimum is None else minimum
    high = np.inf if maximum is None else maximum

    with np.errstate(all="ignore"):
        known = unmasked & np.isfinite(golden)
        valid = known & (golden > 0) & (golden >= low) & (golden <= high)
        metrics = pixel_metrics(golden, actual, valid & np.isfinite(actual))
        metrics["coverage"] = np.count_nonzero(valid) / golden.size
        if valid.any():
            metrics["strays"] = strays(golden, actual, known & ~valid, valid, low, high) / golden.size
            nearness = inverse_depth(golden)
            of_golden = edge_maps(nearness)
            score = boundary_f1(edge_maps(inverse_depth(actual)), of_golden)
            perfect = boundary_f1(of_golden, of_golden)
            metrics.update(edgeF1=score, edgeF1Self=perfect, edgeF1Drop=max(0.0, perfect - score))
        else:
            metrics.update(strays=math.nan, edgeF1=math.nan, edgeF1Self=math.nan, edgeF1Drop=math.nan)

    counts = {
        "pixels": golden.size,
        "compared": int(np.count_nonzero(valid)),
        "goldenNonFinite": int(np.count_nonzero(unmasked & ~np.isfinite(golden))),
        "outside": int(np.count_nonzero(known & ~valid)),
        "masked": int(np.count_nonzero(~unmasked)),
        "actualNonFinite": int(np.count_nonzero(~np.isfinite(actual))),
        "goldenMean": float(golden[valid].mean()) if valid.any() else math.nan,
    }
    return {name: float(value) for name, value in metrics.items()}, counts


def pixel_metrics(golden, actual, use):
    g = golden[use]
    a = actual[use]
    if g.size == 0:
        names = "rmse mae absRel sqRel rmseLog log10 siLog delta1 delta2 delta3 maxAbs maxRel"
        return dict.fromkeys((names + " p50Rel p90Rel p95Rel p99Rel scale").split(), math.nan)
    error = np.abs(a - g)
    relative = error / g
    metrics = {
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(error),
        "absRel": np.mean(relative),
        "sqRel": np.mean(error**2 / g),
        "maxAbs": np.max(error),
        "maxRel": np.max(relative),
        "scale": np.median(a / g),
    }
    for name, value in zip(("p50Rel", "p90Rel", "p95Rel", "p99Rel"), np.quantile(relative, [0.5, 0.9, 0.95, 0.99])):
        metrics[name] = value
    factor = np.where(a > 0, np.maximum(a / g, g / a), np.inf)
    for n in (1, 2, 3):
        metrics[f"delta{n}"] = np.mean(factor < 1.25**n)
    if (a <= 0).any():
        metrics.update(rmseLog=math.inf, log10=math.inf, siLog=math.inf)
    else:
        d = np.log(a) - np.log(g)
        metrics["rmseLog"] = np.sqrt(np.mean(d**2))
        metrics["log10"] = np.mean(np.abs(d)) / np.log(10)
        metrics["siLog"] = 100 * np.sqrt(max(0.0, np.mean(d**2) - np.mean(d) ** 2))
    return metrics


def strays(golden, actual, outside, valid, low, high):
    """Pixels that the golden's range excludes while the actual lies across its bound by a factor of 1.25."""
    lo = low if low > 0 else golden[valid].min()
    outside = outside & np.isfinite(actual)
    below = outside & ((golden <= 0) | (golden < low))
    above = outside & ~below
    return np.count_nonzero(below & (actual > lo * 1.25)) + np.count_nonzero(above & (actual < high / 1.25))


def inverse_depth(depth):
    return 1.0 / np.maximum(depth, 1e-6)


def edge_maps(nearness):
    """For each threshold four boolean maps: where a neighbour is nearer than its other side by that ratio."""
    across = nearness[:, 1:] / nearness[:, :-1]
    across_back = nearness[:, :-1] / nearness[:, 1:]
    down = nearness[1:] / nearness[:-1]
    down_back = nearness[:-1] / nearness[1:]
    return [[ratio > t for ratio in (across, across_back, down, down_back)] for t in THRESHOLDS]


def boundary_f1(predicted, target):
    """Mean over thresholds, weighted by them, of the F1 of recall and precision averaged over directions."""
    weights = THRESHOLDS / THRESHOLDS.sum()
    score = 0.0
    for weight, ps, gs in zip(weights, predicted, target):
        both = [np.count_nonzero(p & g) for p, g in zip(ps, gs)]
        recall = sum(b / max(np.count_nonzero(g), 1) for b, g in zip(both, gs)) / 4
        precision = sum(b / max(np.count_nonzero(p), 1) for b, p in zip(both, ps)) / 4
        if recall + precision > 0:
            score += weight * 2 * recall * precision / (recall + precision)
    return score


def jsonable(value):
    """JSON knows no NaN and no infinity: they become strings that JavaScript's Number() reads."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def main():
    parser = argparse.ArgumentParser(description="Depth metrics of two .npy maps as JSON.")
    parser.add_argument("golden")
    parser.add_argument("actual")
    parser.add_argument("--mask")
    parser.add_argument("--min", type=float)
    parser.add_argument("--max", type=float)
    args = parser.parse_args()
    mask = None if args.mask is None else np.load(args.mask)
    metrics, counts = measure(np.load(args.golden), np.load(args.actual), mask, args.min, args.max)
    print(json.dumps({"metrics": jsonable(metrics), **jsonable(counts)}, indent=2))


if __name__ == "__main__":
    main()
