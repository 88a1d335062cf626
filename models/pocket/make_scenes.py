"""Renders the fixed scenes with exact truth: NAME.png, NAME.truth.npy, NAME.json in --out.

    python3 make_scenes.py --out ../../fixtures/scenes

Each scene is laid out by hand below; only texture seeds and sensor noise come from its seed.
Sizes in metres, angles in degrees; boxes stand on the ground unless they name a `bottom`.
"""

import argparse
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from render import (  # noqa: E402
    BOXES, CEILING, CELL, COLOUR_A, COLOUR_B, FAR, FIRST_BOX, FIRST_SPHERE, FLOOR, KIND, NEAR,
    SPHERES, WALL, render,
)
from scenes import (  # noqa: E402
    CEILINGS, FACADES, FLOORS, FURNITURE, GROUNDS, OUTDOOR, SKIES, WALLS, Dice, empty_scenes,
)
from textures import CHECKER, NOISE, PLAIN, STRIPES, WINDOWS, WOOD  # noqa: E402

TABLE, CABINET, WARDROBE, STOOL, SOFA, CUBE, SHELF, CARTON = FURNITURE
CAR, BIN, CRATE, HEDGE, KIOSK, CONTAINER = OUTDOOR
DOOR = (0.9, 2.0, 0.06, WOOD, 0.30, (0.40, 0.24, 0.12), (0.20, 0.11, 0.05))
PICTURE = (0.9, 0.7, 0.06, CHECKER, 0.10, (0.60, 0.20, 0.10), (0.10, 0.25, 0.45))
WINDOW = (1.2, 1.2, 0.06, WINDOWS, 0.60, (0.70, 0.70, 0.68), (0.35, 0.55, 0.80))
POLE = (0.10, 4.0, 0.10, PLAIN, 0.20, (0.25, 0.25, 0.27), (0.15, 0.15, 0.16))
WARNING_POLE = (0.10, 2.2, 0.10, STRIPES, 0.50, (0.65, 0.63, 0.60), (0.55, 0.06, 0.05))
WIRE_RED = (0.03, 2.0, 0.03, PLAIN, 0.20, (0.50, 0.08, 0.06), (0.40, 0.06, 0.05))
MUG = (0.09, 0.12, 0.09, STRIPES, 0.04, (0.12, 0.30, 0.55), (0.70, 0.70, 0.66))
RED_BALL = (STRIPES, 0.15, (0.75, 0.72, 0.65), (0.60, 0.08, 0.06))
BLUE_BALL = (CHECKER, 0.12, (0.10, 0.30, 0.60), (0.75, 0.70, 0.20))
ORANGE_BALL = (NOISE, 0.08, (0.60, 0.28, 0.06), (0.45, 0.18, 0.04))
GREEN_HILL = (NOISE, 2.0, (0.06, 0.13, 0.04), (0.16, 0.22, 0.10))
GREY_HILL = (NOISE, 3.0, (0.22, 0.19, 0.16), (0.35, 0.32, 0.28))


class Builder:
    """One scene, filled step by step. The camera stands at x = z = 0 and looks along +z."""

    def __init__(self, seed, fov, height=1.5, pitch=0.0, yaw=0.0):
        self.generator = torch.Generator().manual_seed(seed)
        scene = empty_scenes(Dice(1, self.generator))
        self.scene, self.boxes, self.spheres = scene, 0, 0
        scene.fov_deg[:], scene.height[:] = fov, height
        scene.pitch[:], scene.yaw[:], scene.roll[:] = math.radians(pitch), math.radians(yaw), 0.0
        scene.exposure[:], scene.gain[:], scene.ambient[:] = 1.1, 1.0, 0.5
        scene.noise[:], scene.blur[:] = 0.004, 0.5

    def paint(self, slot, texture, cell, colour_a, colour_b):
        material = self.scene.material[0, slot]
        material[KIND], material[CELL] = texture, cell
        material[COLOUR_A], material[COLOUR_B] = torch.tensor(colour_a), torch.tensor(colour_b)

    def room(self, low, high, floor, wall, lamp, ceiling=CEILINGS[0], reach=6.0):
        self.scene.room[0] = torch.tensor([*low, *high])
        self.scene.indoors[:], self.scene.light_reach[:] = 1.0, reach
        self.scene.light[0] = torch.tensor(lamp)
        for slot, look in ((FLOOR, floor), (WALL, wall), (CEILING, ceiling)):
            self.paint(slot, *look)
        return self

    def ground(self, look, sky, slope=(0.0, 0.0), sun=(40.0, -60.0), haze=250.0):
        """`sun`: elevation and azimuth, the latter to the right of the view."""
        self.paint(FLOOR, *look)
        self.scene.sky[0], self.scene.ground[0] = torch.tensor(sky), torch.tensor(slope)
        up, around = math.radians(sun[0]), math.radians(sun[1])
        level = math.cos(up)
        towards = [math.sin(around) * level, math.sin(up), math.cos(around) * level]
        self.scene.light[0] = 1e3 * torch.tensor(towards)
        self.scene.light_reach[:], self.scene.haze[:] = 1e5, haze
        return self

    def _foot(self, x, z):
        slope = self.scene.ground[0]
        return float(slope[0] * x + slope[1] * z)

    def box(self, kind, x, z, yaw=0.0, size=None, bottom=0.0):
        """Stands a box of a kind (size, texture, cell, colours) at x, z; `size` overrides."""
        if self.boxes == BOXES:
            raise ValueError(f"more than {BOXES} boxes in one scene")
        width, height, depth = size or kind[:3]
        centre = [x, self._foot(x, z) + bottom + height / 2, z]
        self.scene.box_centre[0, self.boxes] = torch.tensor(centre)
        self.scene.box_half[0, self.boxes] = torch.tensor([width, height, depth]) / 2
        self.scene.box_yaw[0, self.boxes] = math.radians(yaw)
        self.paint(FIRST_BOX + self.boxes, *kind[3:])
        self.boxes += 1
        return self

    def ball(self, look, x, z, radius, bottom=0.0):
        """A ball at x, z whose lowest point is `bottom` above the ground."""
        if self.spheres == SPHERES:
            raise ValueError(f"more than {SPHERES} spheres in one scene")
        centre = [x, self._foot(x, z) + bottom + radius, z, radius]
        self.scene.sphere[0, self.spheres] = torch.tensor(centre)
        self.paint(FIRST_SPHERE + self.spheres, *look)
        self.spheres += 1
        return self

    def dark(self, exposure, noise):
        self.scene.exposure[:], self.scene.noise[:] = exposure, noise
        return self


def room(seed):
    """Living room, tiled floor, brick walls, furniture and balls; 60 degrees."""
    build = Builder(seed, fov=60, pitch=-8)
    build.room((-2.4, 0, -0.8), (2.4, 2.6, 5.0), FLOORS[0], WALLS[1], (0.5, 2.3, 2.0))
    build.box(SOFA, -1.4, 3.6, 90).box(TABLE, 0.3, 2.9, 15).box(SHELF, 1.6, 4.8)
    build.box(DOOR, -0.9, 5.0).box(PICTURE, 0.4, 5.0, bottom=1.4).box(STOOL, 1.5, 2.6, 30)
    return build.ball(RED_BALL, 0.2, 2.9, 0.14, 0.75).ball(ORANGE_BALL, -0.6, 2.0, 0.2)


def kitchen(seed):
    """Kitchen: worktops at 0.9 m, wall cupboards, plank floor, tiled walls, mugs; 72 degrees."""
    build = Builder(seed, fov=72, height=1.6, pitch=-14)
    build.room((-1.7, 0, -0.7), (1.7, 2.5, 3.6), FLOORS[2], WALLS[3], (0.0, 2.3, 1.4))
    build.box(CABINET, -1.4, 1.9, 0, (0.6, 0.9, 3.2)).box(CABINET, 0.3, 3.3, 0, (2.6, 0.9, 0.6))
    build.box(CABINET, 0.5, 3.42, 0, (1.8, 0.7, 0.36), bottom=1.5)
    build.box(WINDOW, -1.7, 2.0, 90, bottom=1.1).box(TABLE, 0.95, 1.7, 10, (0.8, 0.75, 0.8))
    build.box(MUG, 0.8, 1.5, 20, bottom=0.75).box(MUG, 1.1, 1.8, 50, bottom=0.75)
    build.box(CARTON, -1.35, 1.7, 15, (0.25, 0.3, 0.2), bottom=0.9)
    build.box(MUG, -1.3, 2.3, 5, bottom=0.9).box(STOOL, 0.2, 1.6, 30)
    return build.ball(ORANGE_BALL, 0.95, 1.62, 0.05, 0.75).ball(RED_BALL, 0.0, 3.2, 0.09, 0.9)


def hallway(seed):
    """Hallway 2 m wide and 20 m long with doors on both sides; 65 degrees."""
    build = Builder(seed, fov=65, height=1.6, pitch=-3, yaw=2)
    build.room(
        (-1.1, 0, -1.0), (0.9, 2.6, 20.0), FLOORS[1], WALLS[0], (0, 2.5, 6.0), CEILINGS[1], 10.0
    )
    for z in (2.6, 6.4, 10.2, 14.0):
        build.box(DOOR, -1.1, z, 90).box(DOOR, 0.9, z + 1.7, 90)
    build.box(DOOR, -0.1, 20.0).box(PICTURE, -1.1, 4.4, 90, bottom=1.3)
    build.box(CARTON, 0.6, 4.8, 25).box(BIN, -0.8, 8.2)
    return build.ball(BLUE_BALL, -0.4, 5.2, 0.15)


def street(seed):
    """Street between houses with storeys of 3 m, cars, lamp posts, a house across the end."""
    build = Builder(seed, fov=58, height=1.7, pitch=1).ground(GROUNDS[1], SKIES[0])
    for index, (left, right) in enumerate(((9, 12), (12, 6), (6, 15), (15, 9))):
        z = 8.0 + 11.0 * index
        build.box(KIOSK[:3] + FACADES[index % 3], -9.5, z, 0, (8, left, 10))
        build.box(KIOSK[:3] + FACADES[(index + 1) % 4], 9.5, z, 0, (8, right, 10))
    build.box(KIOSK[:3] + FACADES[0], 1.0, 54.0, 0, (16, 12, 8))
    build.box(CAR, -4.0, 11.0, 90).box(CAR, 4.2, 19.0, 90).box(HEDGE, 4.6, 9.0, 90)
    build.box(BIN, 3.4, 6.5).box(CRATE, -3.6, 6.2, 20)
    for x, z in ((-3.2, 8.0), (3.2, 13.0), (-3.2, 22.0)):
        build.box(POLE, x, z, size=(0.12, 5.5, 0.12))
    return build


def far_hills(seed):
    """Open grass with hills at 40 m and more, a hedge, a kiosk and poles; most of it is far; 45."""
    build = Builder(seed, fov=45, height=1.6, pitch=1).ground(GROUNDS[0], SKIES[1], haze=120.0)
    build.box(KIOSK, -6.0, 24.0, 20).box(HEDGE, 5.0, 18.0, 10).box(HEDGE, 9.0, 26.0, -15)
    build.box(CRATE, 1.6, 9.0, 30).box(POLE, -2.2, 12.0).box(POLE, -1.0, 20.0).box(POLE, 0.2, 30.0)
    build.ball(GREEN_HILL, -14, 55, 20, -26).ball(GREY_HILL, 12, 60, 24, -34)
    return build.ball(RED_BALL, -0.9, 6.0, 0.25)


def thin_poles(seed):
    """Thin structures: bars of 3 cm, striped poles and two frames before a far background."""
    build = Builder(seed, fov=55, height=1.5, pitch=-2).ground(GROUNDS[2], SKIES[0])
    for index in range(6):
        build.box(WIRE_RED, -1.6 + 0.55 * index, 3.0 + 0.25 * index)
    build.box(WARNING_POLE, 1.9, 4.2).box(WARNING_POLE, -2.6, 7.0).box(POLE, 0.4, 8.0)
    # frames: two posts and a bar each
    build.box(POLE, -1.4, 5.5, size=(0.06, 2.4, 0.06)).box(POLE, 0.6, 5.5, size=(0.06, 2.4, 0.06))
    build.box(POLE, -0.4, 5.5, size=(2.06, 0.06, 0.06), bottom=2.4)
    build.box(POLE, 2.4, 11.0, size=(0.10, 3.0, 0.10)).box(POLE, 5.4, 11.0, size=(0.10, 3.0, 0.10))
    build.box(POLE, 3.9, 11.0, size=(3.1, 0.10, 0.10), bottom=3.0)
    return build.box(HEDGE, -5.0, 22.0, 0, (12, 1.6, 1.0)).ball(GREEN_HILL, 6, 58, 18, -27)


def dark_room(seed):
    """Bedroom by night: a tenth of the light, one weak lamp, strong noise; 62 degrees."""
    build = Builder(seed, fov=62, pitch=-10)
    build.room((-2.2, 0, -0.8), (2.0, 2.5, 4.2), FLOORS[3], WALLS[2], (-1.4, 1.3, 2.8), reach=2.5)
    build.box(SOFA, 0.9, 3.0, 0, (1.4, 0.55, 2.0)).box(WARDROBE, -1.5, 3.8).box(STOOL, -0.4, 3.0)
    build.box(PICTURE, 0.9, 4.2, bottom=1.3).box(CUBE, -0.7, 1.9, 35)
    return build.ball(RED_BALL, 0.0, 1.8, 0.15).dark(0.12, 0.018)


def slope(seed):
    """Ground that rises to the right and away, with crates and poles upright on it; 70 degrees."""
    build = Builder(seed, fov=70, height=1.5, pitch=4).ground(GROUNDS[3], SKIES[2], (0.16, 0.12))
    build.box(CRATE, -1.8, 5.0, 20).box(CRATE, 0.8, 7.5, 50).box(KIOSK, 5.0, 16.0, 30)
    build.box(CAR, -5.0, 14.0, 40).box(BIN, 2.4, 5.2).box(CONTAINER, -8.0, 27.0, -20)
    build.box(POLE, -0.6, 9.0).box(POLE, 3.4, 10.0).box(WARNING_POLE, -3.0, 7.0)
    return build.ball(BLUE_BALL, 0.2, 4.2, 0.3)


def spheres(seed):
    """Three balls on a bright tiled floor before a plain wall: smooth curvature; 50 degrees."""
    build = Builder(seed, fov=50, height=1.3, pitch=-14)
    build.room((-2.5, 0, -1.0), (2.5, 2.8, 4.5), FLOORS[0], WALLS[4], (-1.0, 2.5, 1.0))
    build.ball(RED_BALL, -0.7, 2.4, 0.35).ball(BLUE_BALL, 0.45, 2.0, 0.22)
    return build.ball(ORANGE_BALL, 0.5, 3.3, 0.5)


def tabletop(seed):
    """Close-up: mugs, cubes and a ball on a bench half a metre from the lens; 48 degrees."""
    build = Builder(seed, fov=48, height=1.2, pitch=-34)
    build.room((-2.0, 0, -1.2), (2.0, 2.5, 2.6), FLOORS[2], WALLS[1], (0.6, 2.2, 0.4), reach=4.0)
    build.box(TABLE, 0.0, 0.85, 0, (1.6, 0.75, 1.0))
    build.box(MUG, -0.16, 0.62, 10, bottom=0.75).box(MUG, 0.20, 0.80, 40, bottom=0.75)
    build.box(CUBE[:4] + (0.03,) + CUBE[5:], 0.02, 0.74, 30, (0.12, 0.12, 0.12), bottom=0.75)
    build.box(CARTON, -0.22, 0.98, 20, (0.22, 0.16, 0.16), bottom=0.75)
    build.box(MUG, 0.12, 0.52, 65, (0.07, 0.05, 0.10), bottom=0.75)
    build.box(SHELF, -1.0, 2.4).box(CABINET, 0.9, 2.2)
    return build.ball(ORANGE_BALL[:1] + (0.02,) + ORANGE_BALL[2:], 0.30, 0.66, 0.05, 0.75)


SCENES = {
    "room": (101, room),
    "kitchen": (102, kitchen),
    "hallway": (103, hallway),
    "street": (104, street),
    "far-hills": (105, far_hills),
    "thin-poles": (106, thin_poles),
    "dark-room": (107, dark_room),
    "slope": (108, slope),
    "spheres": (109, spheres),
    "tabletop": (110, tabletop),
}


def write_png(path, pixels):
    """8-bit RGB without alpha from uint8 [H, W, 3]."""
    height, width, _ = pixels.shape
    # each row starts with its filter, 0: none
    rows = numpy.concatenate([numpy.zeros((height, 1), numpy.uint8), pixels.reshape(height, -1)], 1)

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def write_scene(name, out):
    """Renders one named scene and writes its three files."""
    seed, layout = SCENES[name]
    build = layout(seed)
    image, depth = render(build.scene, build.generator)
    pixels = image[0].permute(1, 2, 0).to(torch.uint8).numpy()
    truth = depth[0].numpy().astype(numpy.float32)
    if truth.min() <= NEAR or truth.max() > FAR:
        raise SystemExit(f"{name}: depth {truth.min()}..{truth.max()} m, allowed is {NEAR}..{FAR}")
    write_png(out / f"{name}.png", pixels)
    numpy.save(out / f"{name}.truth.npy", truth)
    about = {
        "fov_deg": float(build.scene.fov_deg[0]),
        "seed": seed,
        "description": " ".join(layout.__doc__.split()),
    }
    (out / f"{name}.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{name}: {truth.min():.2f}..{truth.max():.2f} m, mean level {pixels.mean():.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent.parent / "fixtures" / "scenes")
    parser.add_argument("names", nargs="*", help="scenes to render; none: all")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in SCENES]
    if unknown:
        raise SystemExit(f"no scene named {unknown[0]}; there are {', '.join(SCENES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or SCENES:
        write_scene(name, options.out)


if __name__ == "__main__":
    main()
