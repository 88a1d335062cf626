"""Metric-depth errors of a pocket network on freshly rendered scenes, in FP32 with TF32 off."""

import torch

from network import metric_depth, normalise
from render import FAR
from scenes import render_batch

_BATCH = 32


@torch.no_grad()
def evaluate(network, device, seed, scenes=512):
    """Means over `scenes` held-out scenes and all their pixels:

    abs_rel  mean |p - g| / g of metric depth;  delta1  share of pixels with max(p/g, g/p) < 1.25
    each with the predicted field of view and, suffix _true_fov, with the true one
    abs_rel_within_60m  the first with predicted depths above 60 m, the farthest there is, taken as
                        60 m: one pixel in a thousand at 10 000 m outweighs all others
    fov_mae_deg, fov_median_deg  error of the field of view in degrees
    zero_share  share of pixels where the final ReLU answers exactly 0, that is 10 000 m
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    network.eval()
    generator = torch.Generator(device=device).manual_seed(seed)
    names = ("abs_rel", "delta1", "abs_rel_true_fov", "delta1_true_fov", "abs_rel_within_60m",
             "zero_share")
    sums = dict.fromkeys(names, 0.0)
    fov_errors = []
    done = 0
    while done < scenes:
        count = min(_BATCH, scenes - done)
        image, depth, fov_deg = render_batch(count, generator)
        inverse_depth, predicted_fov = network(normalise(image))
        for suffix, fov in (("", predicted_fov), ("_true_fov", fov_deg)):
            predicted = metric_depth(inverse_depth, fov)[:, 0]
            ratio = torch.maximum(predicted / depth, depth / predicted)
            sums["abs_rel" + suffix] += count * ((predicted - depth).abs() / depth).mean().item()
            sums["delta1" + suffix] += count * (ratio < 1.25).float().mean().item()
        limited = metric_depth(inverse_depth, predicted_fov)[:, 0].clamp(max=FAR)
        sums["abs_rel_within_60m"] += count * ((limited - depth).abs() / depth).mean().item()
        sums["zero_share"] += count * (inverse_depth == 0).float().mean().item()
        fov_errors.append((predicted_fov - fov_deg).abs().cpu())
        done += count
    errors = torch.cat(fov_errors)
    return {
        "scenes": scenes,
        "seed": seed,
        **{name: total / scenes for name, total in sums.items()},
        "fov_mae_deg": errors.mean().item(),
        "fov_median_deg": errors.median().item(),
    }
