"""How far a depth map is from its golden."""

import numpy as np


def figures(golden, actual):
    """RMSE in units of the golden's standard deviation, and mean relative error where the golden is above zero."""
    golden, actual = golden.astype(np.float64), actual.astype(np.float64)
    if not np.isfinite(actual).all():
        return {"rmseStd": None, "absRel": None}
    seen = golden > 0
    difference = actual - golden
    return {
        "rmseStd": float(np.sqrt(np.mean(difference**2)) / golden.std()),
        "absRel": float(np.mean(np.abs(difference[seen]) / golden[seen])),
    }


def mean_of(scenes):
    """The same over scenes; None where one of them is not finite."""
    return {
        key: None if any(each[key] is None for each in scenes.values()) else float(np.mean([each[key] for each in scenes.values()]))
        for key in ("rmseStd", "absRel")
    }
