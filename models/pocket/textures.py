"""Procedural textures: functions of surface coordinates in metres, so that the size of a tile or a
brick in pixels tells how far away it is. The result is a mix in 0..1 between a material's two
colours.
"""

import functools

import torch

CHECKER, TILES, BRICKS, STRIPES, NOISE, WOOD, WINDOWS, PLAIN = range(8)

# Mean of each texture (what it blurs to in the distance), and its smallest detail in cells.
_MEAN = (0.5, 0.32, 0.2, 0.5, 0.5, 0.45, 0.3, 0.5)
_DETAIL = (1.0, 0.4, 0.22, 0.5, 0.5, 0.6, 0.5, 1.0)


@functools.lru_cache(maxsize=128)
def constant(values, device):
    """Float32 tensor of a (nested) tuple, made once per device: a copy from the host would make the
    accelerator's queue run dry each time."""
    return torch.tensor(values, device=device, dtype=torch.float32)


def hash2(x, y, seed):
    """Pseudo-random 0..1 from two lattice coordinates and a seed, all of one shape."""
    mixed = torch.sin(x * 12.9898 + y * 78.233 + seed * 37.719) * 4375.8545
    return mixed - torch.floor(mixed)


def value_noise(x, y, seed):
    """Smooth noise in 0..1 with one random value per unit cell."""
    x0, y0 = torch.floor(x), torch.floor(y)
    fx, fy = x - x0, y - y0
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    top = torch.lerp(hash2(x0, y0, seed), hash2(x0 + 1, y0, seed), fx)
    bottom = torch.lerp(hash2(x0, y0 + 1, seed), hash2(x0 + 1, y0 + 1, seed), fx)
    return torch.lerp(top, bottom, fy)


def _edge_distance(fraction):
    """Distance of a cell coordinate in 0..1 to the nearer cell border."""
    return torch.minimum(fraction, 1 - fraction)


def texture_mix(kind, u, v, cell, seed, footprint):
    """Mix in 0..1 for each pixel; all arguments are of one shape.

    kind       texture number (float or int), CHECKER to PLAIN
    u, v       surface coordinates in metres; v points up on walls
    cell       size of one cell in metres (a tile, the length of a brick, a stripe's period, ...)
    footprint  size of one pixel on the surface in metres: detail below it fades to the mean,
               which is the job that a mip-map does
    """
    cu, cv = u / cell, v / cell
    iu, iv = torch.floor(cu), torch.floor(cv)
    fu, fv = cu - iu, cv - iv
    tone = hash2(iu, iv, seed)

    checker = torch.remainder(iu + iv, 2)
    border = torch.minimum(_edge_distance(fu), _edge_distance(fv))
    tiles = torch.where(border < 0.035, torch.ones_like(tone), 0.45 * tone)

    row = torch.floor(cv * 3)  # three courses to the length of a brick
    bu = cu + 0.5 * torch.remainder(row, 2)
    brick_u, brick_v = torch.floor(bu), cv * 3 - row
    mortar = (_edge_distance(bu - brick_u) < 0.03) | (_edge_distance(brick_v) < 0.09)
    bricks = torch.where(mortar, torch.ones_like(tone), 0.3 * hash2(brick_u, row, seed))

    stripes = (fu < 0.5).to(u.dtype)

    coarse = value_noise(cu, cv, seed)
    noise = 0.6 * coarse + 0.4 * value_noise(cu * 3.1, cv * 3.1, seed + 5)

    # planks one cell wide and eight long, each with its own tone, grain along the plank
    plank_v = torch.floor(cv / 8 + 0.37 * iu)
    grain = value_noise(cu * 9, cv * 0.8, seed + 9)
    seam = _edge_distance(fu) < 0.04
    wood = torch.where(seam, torch.ones_like(tone), 0.5 * hash2(iu, plank_v, seed) + 0.35 * grain)

    pane = (torch.abs(fu - 0.5) < 0.24) & (torch.abs(fv - 0.5) < 0.27)
    windows = torch.where(pane, 0.75 + 0.25 * tone, 0.1 * coarse)

    plain = 0.3 + 0.4 * coarse

    choices = (checker, tiles, bricks, stripes, noise, wood, windows, plain)
    kind = kind.to(torch.int64)
    mix = torch.stack(choices, dim=-1).gather(-1, kind.unsqueeze(-1)).squeeze(-1)
    mean = constant(_MEAN, u.device)[kind]
    detail = constant(_DETAIL, u.device)[kind] * cell
    sharpness = torch.clamp(1.7 - 1.6 * footprint / detail, 0, 1)
    return torch.lerp(mean, mix, sharpness)
