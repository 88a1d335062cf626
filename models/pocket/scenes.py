"""Random scene layouts for training: rooms, hallways, table-top views, streets, open country.

The metric scale can be learned from one image because things have typical sizes: floor tiles of
0.5 m, bricks of 0.25 m, planks of 0.15 m, storeys of 3 m, doors of 2 m, a camera 1.2 to 1.8 m above
the floor. All random numbers come from one seeded generator on the device.
"""

import math

import torch

from render import (
    BOXES, CEILING, COLOUR_A, COLOUR_B, FIRST_BOX, FIRST_SPHERE, FLOOR, MATERIAL_COLUMNS, MATERIALS,
    SPHERES, WALL, Scene, join_scenes, render,
)
from textures import BRICKS, CHECKER, NOISE, PLAIN, STRIPES, TILES, WINDOWS, WOOD, constant

# Smallest distance in metres from the camera to a wall: at 90 degrees the corner ray leaves 54.7
# degrees off the axis, so 0.55 m there is a z-depth of 0.32 m.
CLEARANCE = 0.55
# The same for objects, which are small enough to be rarely in the very corner.
OBJECT_CLEARANCE = 0.40

# width, height, depth in metres; texture; cell in metres; colour A; colour B (linear RGB)
FURNITURE = (
    (1.4, 0.75, 0.8, WOOD, 0.15, (0.35, 0.20, 0.10), (0.14, 0.07, 0.03)),  # table
    (0.9, 0.90, 0.6, PLAIN, 0.30, (0.70, 0.68, 0.62), (0.55, 0.53, 0.50)),  # kitchen cabinet
    (1.0, 2.00, 0.6, WOOD, 0.15, (0.45, 0.30, 0.16), (0.22, 0.13, 0.06)),  # wardrobe
    (0.45, 0.45, 0.45, STRIPES, 0.09, (0.55, 0.12, 0.10), (0.65, 0.55, 0.40)),  # stool
    (1.8, 0.80, 0.9, NOISE, 0.06, (0.15, 0.22, 0.38), (0.30, 0.38, 0.55)),  # sofa
    (0.5, 0.50, 0.5, CHECKER, 0.125, (0.60, 0.45, 0.10), (0.12, 0.25, 0.30)),  # play cube
    (0.8, 1.80, 0.3, STRIPES, 0.08, (0.50, 0.15, 0.12), (0.15, 0.20, 0.35)),  # shelf of books
    (0.35, 0.35, 0.35, NOISE, 0.20, (0.48, 0.34, 0.20), (0.40, 0.27, 0.15)),  # cardboard box
)
OUTDOOR = (
    (4.4, 1.45, 1.8, PLAIN, 0.60, (0.55, 0.06, 0.05), (0.45, 0.05, 0.05)),  # car
    (0.6, 1.10, 0.6, STRIPES, 0.20, (0.08, 0.25, 0.10), (0.05, 0.15, 0.06)),  # bin
    (1.0, 1.00, 1.0, WOOD, 0.15, (0.40, 0.27, 0.14), (0.18, 0.10, 0.05)),  # crate
    (3.0, 1.20, 0.8, NOISE, 0.10, (0.04, 0.12, 0.02), (0.12, 0.25, 0.06)),  # hedge
    (2.5, 2.60, 2.5, BRICKS, 0.25, (0.38, 0.12, 0.07), (0.55, 0.52, 0.48)),  # kiosk
    (6.0, 2.60, 2.4, STRIPES, 0.30, (0.10, 0.25, 0.42), (0.07, 0.18, 0.32)),  # container
)
# texture, cell in metres, colour A, colour B
FLOORS = (
    (TILES, 0.5, (0.55, 0.50, 0.42), (0.20, 0.19, 0.18)),
    (CHECKER, 0.5, (0.60, 0.58, 0.52), (0.12, 0.12, 0.13)),
    (WOOD, 0.15, (0.46, 0.28, 0.14), (0.20, 0.11, 0.05)),
    (NOISE, 0.05, (0.32, 0.12, 0.10), (0.18, 0.07, 0.07)),
)
WALLS = (
    (PLAIN, 0.8, (0.72, 0.70, 0.64), (0.62, 0.60, 0.56)),
    (BRICKS, 0.25, (0.45, 0.17, 0.10), (0.60, 0.57, 0.52)),
    (STRIPES, 0.20, (0.62, 0.62, 0.50), (0.45, 0.50, 0.42)),
    (TILES, 0.20, (0.65, 0.72, 0.74), (0.35, 0.38, 0.40)),
    (NOISE, 0.10, (0.50, 0.45, 0.36), (0.62, 0.57, 0.48)),
)
CEILINGS = (
    (PLAIN, 1.0, (0.80, 0.80, 0.78), (0.72, 0.72, 0.70)),
    (TILES, 0.6, (0.78, 0.78, 0.76), (0.40, 0.40, 0.40)),
)
GROUNDS = (
    (NOISE, 0.12, (0.05, 0.11, 0.02), (0.14, 0.22, 0.06)),  # grass
    (NOISE, 0.04, (0.12, 0.12, 0.12), (0.22, 0.22, 0.22)),  # asphalt
    (TILES, 0.5, (0.42, 0.40, 0.37), (0.16, 0.15, 0.14)),  # slabs
    (BRICKS, 0.25, (0.30, 0.20, 0.16), (0.14, 0.12, 0.10)),  # paving
)
FACADES = (
    (WINDOWS, 3.0, (0.50, 0.42, 0.33), (0.05, 0.07, 0.10)),
    (WINDOWS, 3.0, (0.35, 0.14, 0.09), (0.10, 0.12, 0.15)),
    (WINDOWS, 3.0, (0.60, 0.60, 0.58), (0.06, 0.08, 0.09)),
    (BRICKS, 0.25, (0.40, 0.15, 0.09), (0.55, 0.52, 0.48)),
)
SKIES = (
    (0.60, 0.70, 0.82, 0.14, 0.30, 0.65),  # clear: horizon, zenith
    (0.60, 0.60, 0.60, 0.45, 0.47, 0.50),  # overcast
    (0.80, 0.50, 0.28, 0.22, 0.28, 0.48),  # evening
)


class Dice:
    """Random tensors of one batch of `count` scenes, from one generator on one device."""

    def __init__(self, count, generator):
        self.count, self.generator, self.device = count, generator, generator.device

    def uniform(self, low, high, *shape):
        """[count, *shape] in low..high."""
        unit = torch.rand(self.count, *shape, generator=self.generator, device=self.device)
        return low + (high - low) * unit

    def chance(self, probability, *shape):
        """[count, *shape] bool."""
        return self.uniform(0, 1, *shape) < probability

    def integers(self, bound, *shape):
        """[count, *shape] int64 in 0..bound-1."""
        return torch.randint(
            bound, (self.count, *shape), generator=self.generator, device=self.device
        )

    def rows(self, table, *shape):
        """Random rows of a table (nested tuples): [count, *shape, columns]."""
        flat = constant(tuple(_flatten(row) for row in table), self.device)
        return flat[self.integers(len(table), *shape)]


def _flatten(row):
    flat = []
    for entry in row:
        flat.extend(entry if isinstance(entry, tuple) else (entry,))
    return tuple(float(entry) for entry in flat)


def render_batch(count, generator, size=256, host=None):
    """Random scenes -> (image [B, 3, size, size] float32 with whole numbers in 0..255, depth
    [B, size, size] float32 metres in 0.3..60, fov_deg [B] in 30..90), on the generator's device.
    `host`: see `random_scenes`."""
    scene = random_scenes(count, generator, host)
    image, depth = render(scene, generator, size)
    return image, depth, scene.fov_deg


def random_scenes(count, generator, host=None):
    """A batch of random scenes, sorted by kind. The number of each kind is drawn on the host, so
    that a batch of any size has the same mixture on average: from the generator `host` where given,
    else from a seed that `generator` draws, which waits for the accelerator."""
    kinds = ((_room, 0.36), (_hallway, 0.14), (_tabletop, 0.12), (_street, 0.20), (_country, 0.18))
    if host is None:
        seed = torch.randint(2**31, (1,), generator=generator, device=generator.device)
        host = torch.Generator().manual_seed(seed.item())
    weights = torch.tensor([weight for _, weight in kinds])
    drawn = torch.multinomial(weights, count, replacement=True, generator=host)
    counts = torch.bincount(drawn, minlength=len(kinds)).tolist()
    batches = [
        layout(Dice(number, generator)) for (layout, _), number in zip(kinds, counts) if number
    ]
    return _clear_camera(join_scenes(batches))


def empty_scenes(dice):
    """Scenes with camera, light and look drawn, but nothing in them: layouts fill in the rest."""
    count, device = dice.count, dice.device
    zeros = torch.zeros(count, device=device)
    material = torch.zeros(count, MATERIALS, MATERIAL_COLUMNS, device=device)
    material[:, :, 0] = PLAIN
    material[:, :, 1] = 1.0
    material[:, :, 2] = dice.uniform(0, 50, MATERIALS)
    dark = dice.chance(0.10)
    exposure = torch.where(dark, dice.uniform(0.06, 0.25), dice.uniform(0.85, 1.5))
    return Scene(
        # the mean of two uniforms: all of 30..90, ordinary lenses more often
        fov_deg=0.5 * (dice.uniform(30, 90) + dice.uniform(30, 90)),
        height=dice.uniform(1.2, 1.8),
        yaw=dice.uniform(-math.pi, math.pi),
        pitch=dice.uniform(-0.30, 0.10),
        roll=dice.uniform(-0.05, 0.05),
        room=torch.zeros(count, 6, device=device),
        indoors=zeros.clone(),
        ground=torch.zeros(count, 2, device=device),
        box_centre=torch.zeros(count, BOXES, 3, device=device),
        box_half=torch.full((count, BOXES, 3), -1.0, device=device),
        box_yaw=torch.zeros(count, BOXES, device=device),
        sphere=torch.zeros(count, SPHERES, 4, device=device),
        material=material,
        light=torch.zeros(count, 3, device=device),
        light_reach=zeros + 1e4,
        ambient=dice.uniform(0.35, 0.65),
        exposure=exposure,
        haze=zeros + 1e4,
        sky=dice.rows(SKIES),
        gain=dice.uniform(0.88, 1.12, 3),
        noise=torch.where(dark, dice.uniform(0.01, 0.03), dice.uniform(0.002, 0.015)),
        blur=dice.uniform(0.2, 1.0),
    )


def _paint(dice, scene, slots, look):
    """Writes looks [B, n, 8] (texture, cell, colours) into material slots, colours varied."""
    number = look.shape[1]
    scene.material[:, slots, 0:2] = look[..., 0:2]
    # one brightness and one tint for both colours keeps the pattern's contrast
    vary = dice.uniform(0.6, 1.5, number, 1) * dice.uniform(0.75, 1.25, number, 3)
    scene.material[:, slots, COLOUR_A] = torch.clamp(look[..., 2:5] * vary, 0.01, 0.95)
    scene.material[:, slots, COLOUR_B] = torch.clamp(look[..., 5:8] * vary, 0.01, 0.95)


def _ahead(scene, angle, distance):
    """World x, z of points at an angle to the optical axis [B, n] and a distance in metres."""
    heading = scene.yaw[:, None] + angle
    return torch.sin(heading) * distance, torch.cos(heading) * distance


def _indoor_shell(dice, scene, width, length, height, beside, behind):
    """Room around the camera: `beside` and `behind` are the shares of the free width and length to
    its left and at its back."""
    free_x = torch.clamp(width - 2 * CLEARANCE, min=0.1)
    free_z = torch.clamp(length - 2 * CLEARANCE, min=0.1)
    left, back = CLEARANCE + beside * free_x, CLEARANCE + behind * free_z
    zero = torch.zeros_like(left)
    scene.room = torch.stack([-left, zero, -back, width - left, height, length - back], dim=1)
    scene.indoors = torch.ones_like(left)
    _paint(dice, scene, slice(FLOOR, WALL), dice.rows(FLOORS, 1))
    _paint(dice, scene, slice(WALL, CEILING), dice.rows(WALLS, 1))
    _paint(dice, scene, slice(CEILING, FIRST_BOX), dice.rows(CEILINGS, 1))
    lamp_x = scene.room[:, 0] + dice.uniform(0.2, 0.8) * width
    lamp_z = scene.room[:, 2] + dice.uniform(0.2, 0.8) * length
    scene.light = torch.stack([lamp_x, height - dice.uniform(0.1, 0.6), lamp_z], dim=1)
    scene.light_reach = dice.uniform(3.0, 8.0)


def _furnish(dice, scene, slots, table, angle, near, far, aligned=0.6):
    """Stands random objects of a table on the floor or ground, inside the view."""
    number = slots.stop - slots.start
    row = dice.rows(table, number)
    half = 0.5 * row[..., 0:3] * dice.uniform(0.9, 1.1, number, 3)
    x, z = _ahead(scene, dice.uniform(-1, 1, number) * angle, dice.uniform(near, far, number))
    x, z = _inside(scene, x, half), _inside(scene, z, half, axis=2)
    base = scene.ground[:, 0:1] * x + scene.ground[:, 1:2] * z
    scene.box_centre[:, slots] = torch.stack([x, base + half[..., 1], z], dim=-1)
    scene.box_half[:, slots] = half
    free = dice.uniform(-math.pi, math.pi, number)
    straight = dice.chance(aligned, number)
    scene.box_yaw[:, slots] = torch.where(straight, torch.zeros_like(free), free)
    _paint(dice, scene, slice(FIRST_BOX + slots.start, FIRST_BOX + slots.stop), row[..., 3:])


def _inside(scene, position, half, axis=0):
    """Positions [B, n] moved so that a box stays within the room's walls; unchanged outdoors."""
    low, high = scene.room[:, axis : axis + 1], scene.room[:, 3 + axis : 4 + axis]
    moved = torch.minimum(torch.maximum(position, low + half[..., axis]), high - half[..., axis])
    return torch.where(scene.indoors[:, None] > 0.5, moved, position)


def _hang(dice, scene, slots, width, height, bottom, look, on_x=None):
    """Fixes thin plates (doors, pictures, windows) to random walls; all arguments [B, n]."""
    number = slots.stop - slots.start
    room = scene.room[:, None, :].expand(-1, number, -1)
    side, on_x = dice.chance(0.5, number), dice.chance(0.5, number) if on_x is None else on_x
    along = dice.uniform(0.1, 0.9, number)
    x_wall = torch.where(side, room[..., 3], room[..., 0])
    z_wall = torch.where(side, room[..., 5], room[..., 2])
    x = torch.where(on_x, x_wall, torch.lerp(room[..., 0], room[..., 3], along))
    z = torch.where(on_x, torch.lerp(room[..., 2], room[..., 5], along), z_wall)
    thin = torch.full_like(x, 0.03)
    scene.box_centre[:, slots] = torch.stack([x, bottom + height / 2, z], dim=-1)
    half_x = torch.where(on_x, thin, width / 2)
    half_z = torch.where(on_x, width / 2, thin)
    scene.box_half[:, slots] = torch.stack([half_x, height / 2, half_z], dim=-1)
    _paint(dice, scene, slice(FIRST_BOX + slots.start, FIRST_BOX + slots.stop), look)


def _doors(dice, scene, slots, on_x=None):
    number = slots.stop - slots.start
    wood = dice.rows(((WOOD, 0.30, (0.40, 0.24, 0.12), (0.20, 0.11, 0.05)),
                      (PLAIN, 0.50, (0.75, 0.74, 0.70), (0.60, 0.60, 0.58))), number)
    ones = torch.ones(dice.count, number, device=dice.device)
    _hang(dice, scene, slots, 0.9 * ones, 2.0 * ones, 0 * ones, wood, on_x)


def _pictures(dice, scene, slots):
    number = slots.stop - slots.start
    look = dice.rows(((CHECKER, 0.10, (0.60, 0.20, 0.10), (0.10, 0.25, 0.45)),
                      (NOISE, 0.15, (0.10, 0.35, 0.30), (0.65, 0.55, 0.25)),
                      (WINDOWS, 0.60, (0.70, 0.70, 0.68), (0.35, 0.55, 0.80))), number)
    size = dice.uniform(0.5, 1.2, number)
    _hang(dice, scene, slots, size, 0.8 * size, dice.uniform(1.0, 1.5, number), look)


def _poles(dice, scene, slots, angle, near, far, low, high, thick):
    """Thin upright bars of `low`..`high` metres, `thick` metres across."""
    number = slots.stop - slots.start
    x, z = _ahead(scene, dice.uniform(-1, 1, number) * angle, dice.uniform(near, far, number))
    height = dice.uniform(low, high, number)
    across = dice.uniform(0.7, 1.4, number) * thick / 2
    half = torch.stack([across, height / 2, across], dim=-1)
    x, z = _inside(scene, x, half), _inside(scene, z, half, axis=2)
    base = scene.ground[:, 0:1] * x + scene.ground[:, 1:2] * z
    scene.box_centre[:, slots] = torch.stack([x, base + height / 2, z], dim=-1)
    scene.box_half[:, slots] = half
    look = dice.rows(((PLAIN, 0.2, (0.25, 0.25, 0.27), (0.15, 0.15, 0.16)),
                      (STRIPES, 0.5, (0.65, 0.63, 0.60), (0.55, 0.06, 0.05))), number)
    _paint(dice, scene, slice(FIRST_BOX + slots.start, FIRST_BOX + slots.stop), look)


def _balls(dice, scene, angle, near, far, low, high, lift=None):
    """Balls lying on the floor, or `lift` [B, SPHERES] metres above it."""
    x, z = _ahead(scene, dice.uniform(-1, 1, SPHERES) * angle, dice.uniform(near, far, SPHERES))
    radius = dice.uniform(low, high, SPHERES)
    half = radius[..., None].expand(-1, -1, 3)
    x, z = _inside(scene, x, half), _inside(scene, z, half, axis=2)
    y = scene.ground[:, 0:1] * x + scene.ground[:, 1:2] * z + radius
    y = y if lift is None else y + lift
    present = dice.chance(0.5, SPHERES)
    radius = torch.where(present, radius, torch.zeros_like(radius))
    scene.sphere = torch.stack([x, y, z, radius], dim=-1)
    look = dice.rows(((STRIPES, 0.15, (0.75, 0.72, 0.65), (0.60, 0.08, 0.06)),
                      (CHECKER, 0.12, (0.10, 0.30, 0.60), (0.75, 0.70, 0.20)),
                      (NOISE, 0.08, (0.60, 0.28, 0.06), (0.45, 0.18, 0.04))), SPHERES)
    _paint(dice, scene, slice(FIRST_SPHERE, MATERIALS), look)


def _thin_out(dice, scene, keep, first=0):
    """Drops boxes from slot `first` on at random: each stays with probability `keep`."""
    stays = dice.chance(keep, BOXES)[..., None]
    stays[:, :first] = True
    scene.box_half = torch.where(stays, scene.box_half, torch.full_like(scene.box_half, -1.0))


def _view_angle(scene):
    """[B, 1] half the field of view in radians, a little widened: the border cuts objects too."""
    return torch.deg2rad(scene.fov_deg)[:, None] * 0.55


def _room(dice):
    scene = empty_scenes(dice)
    width, length = dice.uniform(3.0, 8.0), dice.uniform(3.0, 8.0)
    height = dice.uniform(2.4, 3.2)
    _indoor_shell(dice, scene, width, length, height, dice.uniform(0, 1), dice.uniform(0, 1))
    # looks towards the middle of the room, give or take, so that most of it is seen
    middle = torch.atan2(scene.room[:, 0] + scene.room[:, 3], scene.room[:, 2] + scene.room[:, 5])
    scene.yaw = middle + dice.uniform(-0.9, 0.9)
    _furnish(dice, scene, slice(0, 9), FURNITURE, _view_angle(scene), 1.2, 6.0)
    _doors(dice, scene, slice(9, 11))
    _pictures(dice, scene, slice(11, 14))
    _poles(dice, scene, slice(14, 18), _view_angle(scene), 1.0, 5.0, 0.8, 2.4, 0.05)
    _balls(dice, scene, _view_angle(scene), 1.0, 4.0, 0.11, 0.35)
    _thin_out(dice, scene, 0.7)
    return scene


def _hallway(dice):
    scene = empty_scenes(dice)
    width, length = dice.uniform(1.6, 3.0), dice.uniform(8.0, 26.0)
    _indoor_shell(
        dice, scene, width, length, dice.uniform(2.3, 3.0),
        dice.uniform(0.2, 0.8), dice.uniform(0, 0.2),
    )
    scene.yaw = dice.uniform(-0.25, 0.25)
    scene.pitch = dice.uniform(-0.20, 0.08)
    scene.light_reach = dice.uniform(6.0, 14.0)
    _doors(dice, scene, slice(0, 8), torch.ones(dice.count, 8, device=dice.device) > 0)
    _pictures(dice, scene, slice(8, 11))
    _furnish(dice, scene, slice(11, 15), FURNITURE, _view_angle(scene), 2.5, 12.0, aligned=0.9)
    _poles(dice, scene, slice(15, 18), _view_angle(scene), 2.0, 10.0, 1.0, 2.3, 0.06)
    _balls(dice, scene, _view_angle(scene) * 0.5, 2.0, 7.0, 0.11, 0.35)
    _thin_out(dice, scene, 0.8)
    return scene


def _tabletop(dice):
    """Looking down at small things close by, on a bench in a room."""
    scene = empty_scenes(dice)
    width, length = dice.uniform(2.5, 5.0), dice.uniform(2.5, 5.0)
    _indoor_shell(
        dice, scene, width, length, dice.uniform(2.4, 3.0),
        dice.uniform(0.3, 0.7), dice.uniform(0, 0.5),
    )
    scene.yaw = dice.uniform(-0.5, 0.5)
    scene.pitch = dice.uniform(-0.75, -0.35)
    # the bench spans the view: slot 0; small boxes stand on it; the camera is held above it
    top = dice.uniform(0.70, 0.80)
    scene.height = top + dice.uniform(0.42, 0.85)
    small = slice(1, 11)
    number = small.stop - small.start
    bench_z = dice.uniform(0.6, 1.1)
    half = torch.stack([dice.uniform(0.6, 1.0), top / 2, dice.uniform(0.35, 0.5)], dim=1)
    x, z = _ahead(scene, torch.zeros_like(scene.yaw)[:, None], bench_z[:, None])
    scene.box_centre[:, 0] = torch.stack([x[:, 0], top / 2, z[:, 0]], dim=1)
    scene.box_half[:, 0], scene.box_yaw[:, 0] = half, scene.yaw
    _paint(dice, scene, slice(FIRST_BOX, FIRST_BOX + 1), dice.rows(FURNITURE[:1], 1)[..., 3:])

    look = dice.rows((
        (CHECKER, 0.05, (0.70, 0.20, 0.12), (0.80, 0.75, 0.60)),
        (STRIPES, 0.04, (0.12, 0.30, 0.55), (0.70, 0.70, 0.66)),
        (NOISE, 0.05, (0.48, 0.34, 0.20), (0.36, 0.24, 0.13)),
        (PLAIN, 0.10, (0.15, 0.45, 0.22), (0.10, 0.35, 0.16)),
    ), number)
    size = dice.uniform(0.03, 0.11, number, 3)
    side = dice.uniform(-1, 1, number) * (half[:, 0:1] - 0.1)
    away = bench_z[:, None] + dice.uniform(-1, 1, number) * (half[:, 2:3] - 0.1)
    cos, sin = torch.cos(scene.yaw)[:, None], torch.sin(scene.yaw)[:, None]
    scene.box_centre[:, small] = torch.stack(
        [side * cos + away * sin, top[:, None] + size[..., 1], away * cos - side * sin], dim=-1
    )
    scene.box_half[:, small] = size
    scene.box_yaw[:, small] = dice.uniform(-math.pi, math.pi, number)
    _paint(dice, scene, slice(FIRST_BOX + 1, FIRST_BOX + 11), look)
    _furnish(dice, scene, slice(11, 15), FURNITURE, _view_angle(scene), 1.8, 4.0)
    _pictures(dice, scene, slice(15, 18))
    _thin_out(dice, scene, 0.85, first=1)
    lift = top[:, None].expand(-1, SPHERES)
    _balls(dice, scene, _view_angle(scene) * 0.4, 0.55, 1.2, 0.03, 0.09, lift)
    return scene


def _outdoor_light(dice, scene):
    """A sun above the horizon, haze towards the sky's horizon colour."""
    azimuth, elevation = dice.uniform(-math.pi, math.pi), dice.uniform(0.4, 1.3)
    level = torch.cos(elevation)
    direction = [torch.sin(azimuth) * level, torch.sin(elevation), torch.cos(azimuth) * level]
    scene.light = 1e3 * torch.stack(direction, dim=1)
    scene.light_reach = torch.full_like(azimuth, 1e5)
    scene.haze = dice.uniform(60, 300)


def _street(dice):
    scene = empty_scenes(dice)
    scene.yaw, scene.pitch = dice.uniform(-0.45, 0.45), dice.uniform(-0.15, 0.12)
    _outdoor_light(dice, scene)
    _paint(dice, scene, slice(FLOOR, WALL), dice.rows(GROUNDS, 1))
    # two rows of four houses along z, and one across the end
    houses = slice(0, 9)
    half_street = dice.uniform(3.0, 8.0)
    half = torch.stack(
        [dice.uniform(3, 6, 9), dice.uniform(1.5, 8, 9), dice.uniform(3.0, 5.5, 9)], dim=-1
    )
    side = constant((-1.0, 1.0), dice.device).repeat(5)[:9]
    x = side * (half_street[:, None] + half[..., 0] + dice.uniform(0, 1.5, 9))
    row = torch.arange(9, device=dice.device) // 2
    z = row * 12.0 + dice.uniform(0, 6)[:, None] + dice.uniform(-0.5, 0.5, 9)
    across = torch.arange(9, device=dice.device) == 8
    x = torch.where(across, dice.uniform(-4, 4, 9), x)
    z = torch.where(across, dice.uniform(40, 52, 9), z)
    half[:, 8, 0] = half[:, 8, 0] * 2.0
    scene.box_centre[:, houses] = torch.stack([x, half[..., 1], z], dim=-1)
    scene.box_half[:, houses] = half
    _paint(dice, scene, slice(FIRST_BOX, FIRST_BOX + 9), dice.rows(FACADES, 9))
    _furnish(dice, scene, slice(9, 14), OUTDOOR, _view_angle(scene), 4.0, 25.0, aligned=0.8)
    _poles(dice, scene, slice(14, 18), _view_angle(scene), 3.0, 20.0, 2.5, 6.0, 0.12)
    _balls(dice, scene, _view_angle(scene), 3.0, 10.0, 0.15, 0.5)
    _thin_out(dice, scene, 0.85)
    return scene


def _country(dice):
    """Open, often sloping ground with scattered things, and hills far behind."""
    scene = empty_scenes(dice)
    scene.pitch = dice.uniform(-0.25, 0.05)
    _outdoor_light(dice, scene)
    flat = dice.chance(0.4)[:, None]
    slope = dice.uniform(-0.25, 0.25, 2)
    scene.ground = torch.where(flat, torch.zeros_like(slope), slope)
    _paint(dice, scene, slice(FLOOR, WALL), dice.rows(GROUNDS[:3], 1))
    _furnish(dice, scene, slice(0, 9), OUTDOOR, _view_angle(scene), 3.0, 30.0, aligned=0.3)
    _poles(dice, scene, slice(9, 18), _view_angle(scene), 2.5, 25.0, 2.0, 6.0, 0.12)
    _balls(dice, scene, _view_angle(scene), 3.0, 10.0, 0.2, 0.8)
    # the last two spheres become hills: large, far, mostly below the ground
    hills = slice(SPHERES - 2, SPHERES)
    radius = dice.uniform(14, 30, 2)
    x, z = _ahead(scene, dice.uniform(-1, 1, 2) * _view_angle(scene), dice.uniform(48, 62, 2))
    y = scene.ground[:, 0:1] * x + scene.ground[:, 1:2] * z - dice.uniform(0.55, 0.8, 2) * radius
    radius = torch.where(dice.chance(0.7, 2), radius, torch.zeros_like(radius))
    scene.sphere[:, hills] = torch.stack([x, y, z, radius], dim=-1)
    green = dice.rows(((NOISE, 2.0, (0.06, 0.13, 0.04), (0.16, 0.22, 0.10)),
                       (NOISE, 3.0, (0.22, 0.19, 0.16), (0.35, 0.32, 0.28))), 2)
    _paint(dice, scene, slice(MATERIALS - 2, MATERIALS), green)
    _thin_out(dice, scene, 0.6)
    return scene


def _clear_camera(scene):
    """Drops every object that holds the camera or comes closer to it than OBJECT_CLEARANCE."""
    cos, sin = torch.cos(scene.box_yaw), torch.sin(scene.box_yaw)
    x, z = -scene.box_centre[..., 0], -scene.box_centre[..., 2]
    y = scene.height[:, None] - scene.box_centre[..., 1]
    local = torch.stack([x * cos - z * sin, y, x * sin + z * cos], dim=-1)
    outside = torch.clamp(local.abs() - scene.box_half, min=0).norm(dim=-1)
    close = (outside < OBJECT_CLEARANCE) & (scene.box_half[..., 0] > 0)
    scene.box_half = torch.where(close[..., None], torch.full_like(local, -1.0), scene.box_half)

    camera = torch.stack([0 * scene.height, scene.height, 0 * scene.height], dim=1)[:, None]
    gap = (scene.sphere[..., :3] - camera).norm(dim=-1) - scene.sphere[..., 3]
    radius = torch.where(gap < OBJECT_CLEARANCE, torch.zeros_like(gap), scene.sphere[..., 3])
    scene.sphere = torch.cat([scene.sphere[..., :3], radius[..., None]], dim=-1)
    return scene
