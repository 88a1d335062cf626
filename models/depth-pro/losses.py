"""How far one engine's depth is from the golden, as depthgate measures it (docs/metrics.md)."""

import math

import numpy as np


def losses(golden, actual):
    """Of two {"inverse": float32 [scenes, H, W], "fov": [scenes]}: the mean over the scenes of each figure.

    inverse: rmse, rmseStd (in units of the golden's standard deviation), absRel, p99Rel of canonical inverse depth
    depth: rmse in metres, absRel, p99Rel of metric depth, each side with its own field of view
    fovErrorDeg: the largest. Relative figures leave out pixels where the golden is 0, the sky. None where not finite."""
    scenes = []
    for want, got, want_fov, got_fov in zip(golden["inverse"], actual["inverse"], golden["fov"], actual["fov"]):
        if not (np.isfinite(got).all() and np.isfinite(got_fov)):
            return None
        seen = want > 0
        inverse = {"rmse": rmse(want, got), "rmseStd": rmse(want, got) / float(want.std(dtype=np.float64)), **relative(want[seen], got[seen])}
        want, got = metric_depth(want, want_fov)[seen], metric_depth(got, got_fov)[seen]
        scenes.append({"inverse": inverse, "depth": {"rmse": rmse(want, got), **relative(want, got)}, "fov": abs(float(want_fov) - float(got_fov))})
    mean = {kind: {key: float(np.mean([each[kind][key] for each in scenes])) for key in scenes[0][kind]} for kind in ("inverse", "depth")}
    return {**mean, "fovErrorDeg": max(each["fov"] for each in scenes)}


def rmse(want, got):
    return math.sqrt(np.mean((got.astype(np.float64) - want) ** 2))


def relative(want, got):
    off = np.abs(got.astype(np.float64) - want) / want
    return {"absRel": float(off.mean()), "p99Rel": float(np.quantile(off, 0.99))}


def metric_depth(inverse, fov_deg):
    """1 / clamp(inverse · W / f_px, 1e-4, 1e4) metres with f_px = 0.5 W / tan(fov / 2), in float32."""
    width = np.float32(inverse.shape[-1])
    focal = np.float32(0.5) * width / np.tan(np.float32(0.5) * np.deg2rad(np.float32(fov_deg)))
    return np.float32(1) / np.clip(inverse * (width / focal), np.float32(1e-4), np.float32(1e4))
