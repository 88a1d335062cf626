"""Batched ray caster in plain torch, on any device: a `Scene` batch in, images and exact depth out.

World frame: x right, y up, z forward, metres; the camera's foot is at x = z = 0. Depth is z-depth,
the distance along the optical axis (not along the ray), clamped to 0.3..60 m; the sky is a
backdrop at exactly 60 m. The image is square, so horizontal = vertical field of view.

Every scene has the same slots, so that one pass serves a whole batch: an enclosing room or an open
ground plane, BOXES boxes (furniture, doors, buildings, poles) and SPHERES spheres. Unused boxes
hold a half size below zero, unused spheres a radius of zero; no ray hits either.
"""

from dataclasses import dataclass, fields

import torch

from textures import texture_mix, value_noise

BOXES = 18
SPHERES = 3
NEAR, FAR = 0.3, 60.0
# Material slots: ground or floor, walls, ceiling, then one per box and sphere.
FLOOR, WALL, CEILING, FIRST_BOX = 0, 1, 2, 3
FIRST_SPHERE = FIRST_BOX + BOXES
MATERIALS = FIRST_SPHERE + SPHERES
# Material columns: texture kind, cell in metres, seed, colours A and B (linear RGB 0..1).
KIND, CELL, SEED, COLOUR_A, COLOUR_B = 0, 1, 2, slice(3, 6), slice(6, 9)
MATERIAL_COLUMNS = 9
_SKY = MATERIALS  # stands for "hit nothing"
# Scenes rendered at once: 64 images of 256x256 keep the peak near 5 GB on an accelerator; on a CPU
# one at a time stays closest to its caches.
_CHUNK = 64
_CPU_CHUNK = 1


@dataclass
class Scene:
    """A batch of B scenes; every field is a float32 tensor on one device."""

    fov_deg: torch.Tensor  # [B] 30..90
    height: torch.Tensor  # [B] camera above its foot, metres
    yaw: torch.Tensor  # [B] radians, to the right
    pitch: torch.Tensor  # [B] radians, up
    roll: torch.Tensor  # [B] radians
    room: torch.Tensor  # [B, 6] low and high corner; indoors only
    indoors: torch.Tensor  # [B] 1 inside a room, 0 on open ground
    ground: torch.Tensor  # [B, 2] slope of the open ground: metres up per metre of x and of z
    box_centre: torch.Tensor  # [B, BOXES, 3]
    box_half: torch.Tensor  # [B, BOXES, 3] half sizes; below zero: unused
    box_yaw: torch.Tensor  # [B, BOXES] radians
    sphere: torch.Tensor  # [B, SPHERES, 4] centre and radius; radius 0: unused
    material: torch.Tensor  # [B, MATERIALS, MATERIAL_COLUMNS]
    light: torch.Tensor  # [B, 3] position; a sun is simply far away
    light_reach: torch.Tensor  # [B] distance in metres at which a lamp's light has halved
    ambient: torch.Tensor  # [B] 0..1, share of the light without direction
    exposure: torch.Tensor  # [B] 1 normal, 0.05 to 0.2 dark
    haze: torch.Tensor  # [B] metres over which contrast falls to 1/e; 1e4: none
    sky: torch.Tensor  # [B, 6] linear RGB at the horizon and at the zenith
    gain: torch.Tensor  # [B, 3] white balance
    noise: torch.Tensor  # [B] sensor noise, standard deviation at mid grey in 0..1
    blur: torch.Tensor  # [B] 0..1, share of a 3x3 binomial blur (the lens)

    def __len__(self):
        return self.fov_deg.shape[0]

    def __getitem__(self, part):
        return Scene(**{field.name: getattr(self, field.name)[part] for field in fields(self)})


def join_scenes(scenes):
    """Joins batches of scenes along the batch axis."""
    names = [field.name for field in fields(Scene)]
    return Scene(**{name: torch.cat([getattr(scene, name) for scene in scenes]) for name in names})


@torch.no_grad()
def render(scene, generator, size=256):
    """Scene batch -> (image [B, 3, size, size] float32 holding whole numbers in 0..255,
    depth [B, size, size] float32 metres). `generator` draws the sensor noise."""
    images, depths = [], []
    chunk = _CPU_CHUNK if scene.fov_deg.device.type == "cpu" else _CHUNK
    for start in range(0, len(scene), chunk):
        image, depth = _render_chunk(scene[start : start + chunk], generator, size)
        images.append(image)
        depths.append(depth)
    return torch.cat(images), torch.cat(depths)


def _render_chunk(scene, generator, size):
    rays = _rays(scene, size)
    depth, hit = _cast(scene, rays)
    surface = _surface(scene, rays, depth, hit)
    colour = _shade(scene, rays, depth, hit, surface, size)
    depth = torch.clamp(depth, NEAR, FAR).reshape(-1, size, size)
    return _expose(scene, colour.reshape(-1, size, size, 3), generator), depth


def _rays(scene, size):
    """World directions (x, y, z), each [B, P], one metre of z-depth long per unit; P = size²."""
    index = torch.arange(size, device=scene.yaw.device, dtype=torch.float32)
    centres = (index + 0.5) / size * 2 - 1
    tangent = torch.tan(torch.deg2rad(scene.fov_deg) / 2)[:, None]
    x = centres.repeat(size)[None] * tangent
    y = -centres.repeat_interleave(size)[None] * tangent
    z = torch.ones_like(x)
    x, y = _rotate(x, y, scene.roll[:, None])
    z, y = _rotate(z, y, scene.pitch[:, None])
    z, x = _rotate(z, x, scene.yaw[:, None])
    return x, y, z


def _rotate(a, b, angle):
    """Turns the pair (a, b) by `angle` from a towards b."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return a * cos - b * sin, a * sin + b * cos


def _inverse(direction):
    """1 / direction with zero nudged, so that no slab test meets 0 * inf."""
    nudged = torch.where(direction.abs() < 1e-7, torch.full_like(direction, 1e-7), direction)
    return 1.0 / nudged


def _cast(scene, rays):
    """Nearest hit: (z-depth [B, P] in metres, FAR for the sky; material slot [B, P] int64)."""
    dx, dy, dz = rays
    inverse = [_inverse(direction) for direction in rays]
    depth = torch.full_like(dx, FAR)
    hit = torch.full_like(dx, _SKY, dtype=torch.int64)

    exit_depth, slot = _room_exit(scene, inverse)
    indoors = scene.indoors[:, None] > 0.5
    # open ground: y = slope_x * x + slope_z * z through the camera's foot
    slope_x, slope_z = scene.ground[:, 0:1], scene.ground[:, 1:2]
    fall = slope_x * dx + slope_z * dz - dy
    # rays that never come down are sent beyond FAR by the clamp: 1.2 m / 1e-4
    ground_depth = scene.height[:, None] / torch.clamp(fall, min=1e-4)
    shell = torch.where(indoors, exit_depth, ground_depth)
    slot = torch.where(indoors, slot, torch.full_like(slot, FLOOR))
    nearer = shell < depth
    depth, hit = torch.where(nearer, shell, depth), torch.where(nearer, slot, hit)

    on_cpu = dx.device.type == "cpu"
    for index in range(BOXES):
        # a look at the values costs nothing on a CPU; an accelerator would have to wait for them
        if on_cpu and not (scene.box_half[:, index] > 0).any():
            continue
        enter, found = _box_entry(scene, index, rays, inverse[1])
        nearer = found & (enter < depth)
        depth = torch.where(nearer, enter, depth)
        hit = torch.where(nearer, torch.full_like(hit, FIRST_BOX + index), hit)
    for index in range(SPHERES):
        if on_cpu and not (scene.sphere[:, index, 3] > 0).any():
            continue
        enter, found = _sphere_entry(scene, index, rays)
        nearer = found & (enter < depth)
        depth = torch.where(nearer, enter, depth)
        hit = torch.where(nearer, torch.full_like(hit, FIRST_SPHERE + index), hit)
    return depth, hit


def _room_exit(scene, inverse):
    """Where each ray leaves the room: (z-depth, material slot), each [B, P]."""
    origin = (torch.zeros_like(scene.height), scene.height, torch.zeros_like(scene.height))
    exits = []
    for axis in range(3):
        low = (scene.room[:, axis] - origin[axis])[:, None] * inverse[axis]
        high = (scene.room[:, 3 + axis] - origin[axis])[:, None] * inverse[axis]
        exits.append(torch.maximum(low, high))
    walls = torch.minimum(exits[0], exits[2])
    level = torch.where(inverse[1] < 0, FLOOR, CEILING)
    return torch.minimum(walls, exits[1]), torch.where(walls < exits[1], WALL, level)


def _box_local(scene, index):
    """Camera in box coordinates: (x, y, z, cos, sin of the yaw), each [B, 1]. `index` is an int."""
    centre, yaw = scene.box_centre[:, index], scene.box_yaw[:, index]
    cos, sin = torch.cos(yaw), torch.sin(yaw)
    x, y, z = -centre[:, 0], scene.height - centre[:, 1], -centre[:, 2]
    return [value[:, None] for value in (x * cos - z * sin, y, x * sin + z * cos, cos, sin)]


def _box_entry(scene, index, rays, inverse_y):
    """Slab test in the box's own frame: (z-depth of the entry, whether it is hit from outside)."""
    ox, oy, oz, cos, sin = _box_local(scene, index)
    ix = _inverse(rays[0] * cos - rays[2] * sin)
    iz = _inverse(rays[0] * sin + rays[2] * cos)
    half = scene.box_half[:, index]
    enter, leave = None, None
    for origin, inverse, axis in ((ox, ix, 0), (oy, inverse_y, 1), (oz, iz, 2)):
        middle, reach = -origin * inverse, half[:, axis : axis + 1] * inverse.abs()
        near, far = middle - reach, middle + reach
        enter = near if enter is None else torch.maximum(enter, near)
        leave = far if leave is None else torch.minimum(leave, far)
    return enter, (enter < leave) & (enter > 0.05)


def _sphere_entry(scene, index, rays):
    """(z-depth of the first intersection, whether there is one in front)."""
    dx, dy, dz = rays
    x, y, z, radius = (scene.sphere[:, index, column : column + 1] for column in range(4))
    y = y - scene.height[:, None]
    a = dx * dx + dy * dy + dz * dz
    b = dx * x + dy * y + dz * z
    discriminant = b * b - a * (x * x + y * y + z * z - radius * radius)
    enter = (b - torch.sqrt(torch.clamp(discriminant, min=0))) / a
    return enter, (discriminant > 0) & (enter > 0.05) & (radius > 0)


def _surface(scene, rays, depth, hit):
    """Per pixel: texture coordinates u, v in metres, height above the object's foot in metres,
    world normal (x, y, z), world position (x, y, z); each [B, P]."""
    px, pz = rays[0] * depth, rays[2] * depth
    py = rays[1] * depth + scene.height[:, None]

    is_box = (hit >= FIRST_BOX) & (hit < FIRST_SPHERE)
    is_sphere = (hit >= FIRST_SPHERE) & (hit < _SKY)
    box = torch.clamp(hit - FIRST_BOX, 0, BOXES - 1)
    ball = torch.clamp(hit - FIRST_SPHERE, 0, SPHERES - 1)

    # the hit in the frame of its box
    cos = torch.cos(scene.box_yaw).gather(1, box)
    sin = torch.sin(scene.box_yaw).gather(1, box)
    cx, cy, cz = (scene.box_centre[:, :, axis].gather(1, box) for axis in range(3))
    hx, hy, hz = (scene.box_half[:, :, axis].gather(1, box).abs() + 1e-6 for axis in range(3))
    lx = (px - cx) * cos - (pz - cz) * sin
    ly = py - cy
    lz = (px - cx) * sin + (pz - cz) * cos
    # the face is the one whose slab the point lies on, in metres: relative distance would pick the
    # wrong face of a thin plate
    gap_x, gap_y, gap_z = hx - lx.abs(), hy - ly.abs(), hz - lz.abs()
    box_y = (gap_y <= gap_x) & (gap_y <= gap_z)
    box_x = ~box_y & (gap_x <= gap_z)

    # the hit in the room: the face is known for floor and ceiling, the nearer wall otherwise
    room = scene.room[:, :, None]
    wall_gap_x = torch.minimum((px - room[:, 0]).abs(), (px - room[:, 3]).abs())
    wall_gap_z = torch.minimum((pz - room[:, 2]).abs(), (pz - room[:, 5]).abs())
    on_wall = hit == WALL
    wall_x = on_wall & (wall_gap_x < wall_gap_z)

    along_y = torch.where(is_box, box_y, ~on_wall)
    along_x = torch.where(is_box, box_x, wall_x)
    qx, qy, qz = (
        torch.where(is_box, local, world) for local, world in ((lx, px), (ly + hy, py), (lz, pz))
    )
    u = torch.where(along_x, qz, qx)
    v = torch.where(along_y, qz, qy)

    one, zero = torch.ones_like(u), torch.zeros_like(u)
    # faces look at the camera, so the sign is that against the ray
    flat = [torch.where(along_x, one, zero), torch.where(along_y, one, zero)]
    flat.append(one - flat[0] - flat[1])
    nx = torch.where(is_box, flat[0] * cos + flat[2] * sin, flat[0])
    nz = torch.where(is_box, flat[2] * cos - flat[0] * sin, flat[2])
    ny = flat[1]
    outdoor_ground = (hit == FLOOR) & (scene.indoors[:, None] < 0.5)
    nx = torch.where(outdoor_ground, -scene.ground[:, 0:1].expand_as(nx), nx)
    nz = torch.where(outdoor_ground, -scene.ground[:, 1:2].expand_as(nz), nz)

    sx, sy, sz, radius = (scene.sphere[:, :, column].gather(1, ball) for column in range(4))
    radius = torch.clamp(radius, min=1e-3)
    bx, by, bz = (px - sx) / radius, (py - sy) / radius, (pz - sz) / radius
    u = torch.where(is_sphere, torch.atan2(bx, -bz) * radius, u)
    v = torch.where(is_sphere, torch.asin(torch.clamp(by, -0.999, 0.999)) * radius, v)
    nx, ny, nz = (
        torch.where(is_sphere, ball_n, n) for ball_n, n in ((bx, nx), (by, ny), (bz, nz))
    )
    facing = nx * rays[0] + ny * rays[1] + nz * rays[2]
    flip = torch.where(facing > 0, -one, one) / torch.sqrt(nx * nx + ny * ny + nz * nz + 1e-9)
    above = torch.where(is_sphere, by * radius + radius, qy)
    return u, v, above, (nx * flip, ny * flip, nz * flip), (px, py, pz)


def _shade(scene, rays, depth, hit, surface, size):
    """Linear RGB [B, P, 3]: texture, Lambert light, contact shade, haze, sky, vignetting."""
    u, v, above, (nx, ny, nz), (px, py, pz) = surface
    length = torch.sqrt(rays[0] ** 2 + rays[1] ** 2 + rays[2] ** 2)
    slot = torch.clamp(hit, max=MATERIALS - 1)

    def column(index):
        return scene.material[:, :, index].gather(1, slot)

    facing = torch.clamp(-(nx * rays[0] + ny * rays[1] + nz * rays[2]) / length, min=0.08)
    pixel = 2 * torch.tan(torch.deg2rad(scene.fov_deg) / 2)[:, None] / size
    footprint = depth * pixel / torch.sqrt(facing)  # between the short and the long axis
    mix = texture_mix(column(KIND), u, v, column(CELL), column(SEED), footprint)

    to_light = [scene.light[:, axis, None] - point for axis, point in enumerate((px, py, pz))]
    distance = torch.sqrt(sum(part * part for part in to_light) + 1e-6)
    lambert = sum(n * part for n, part in zip((nx, ny, nz), to_light)) / distance
    reach = scene.light_reach[:, None]
    strength = torch.clamp(lambert, min=0) * reach * reach / (reach * reach + distance * distance)
    ambient = scene.ambient[:, None]
    # corners at an object's foot see less of the surroundings
    contact = 1 - 0.35 * torch.exp(-torch.clamp(above, min=0) / 0.15)
    contact = torch.where(hit == FLOOR, torch.ones_like(contact), contact)
    light = (ambient * (0.85 + 0.15 * ny) + 1.5 * (1 - ambient) * strength) * contact

    up = torch.clamp(rays[1] / length, 0, 1)
    clouds = value_noise(rays[0] / length * 5, rays[1] / length * 9, column(SEED) * 0 + 3.0)
    is_sky = hit == _SKY
    veil = 1 - torch.exp(-depth / scene.haze[:, None])
    # the lens's natural fall-off, squared cosine of the angle off the axis; wide lenses show more
    falloff = 1 / (length * length)
    channels = []
    for channel in range(3):
        colour = torch.lerp(column(COLOUR_A.start + channel), column(COLOUR_B.start + channel), mix)
        horizon, zenith = scene.sky[:, channel, None], scene.sky[:, 3 + channel, None]
        sky = torch.lerp(horizon.expand_as(up), zenith.expand_as(up), torch.sqrt(up))
        lit = torch.lerp(colour * light, horizon.expand_as(up), veil)
        sky = sky * (0.88 + 0.24 * clouds)
        channels.append(torch.where(is_sky, sky, lit) * falloff)
    return torch.stack(channels, dim=-1)


def _expose(scene, colour, generator):
    """Linear RGB [B, S, S, 3] -> image [B, 3, S, S] with whole numbers in 0..255: blur, exposure,
    white balance, gamma, noise, quantisation."""
    image = colour.permute(0, 3, 1, 2) * (scene.exposure[:, None] * scene.gain)[:, :, None, None]
    kernel = (0.25, 0.5, 0.25)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    height, width = image.shape[-2:]
    shifted = [(i, j) for i in range(3) for j in range(3)]
    blurred = sum(
        kernel[i] * kernel[j] * padded[:, :, i : i + height, j : j + width] for i, j in shifted
    )
    image = torch.lerp(image, blurred, scene.blur[:, None, None, None])
    image = torch.clamp(image, 0, 1) ** (1 / 2.2)
    # gamma lifts the dark end, where a real sensor's noise is lifted with it
    sigma = scene.noise[:, None, None, None] * (0.6 + 0.6 / (0.35 + image))
    grain = torch.randn(image.shape, generator=generator, device=image.device)
    return torch.round(torch.clamp(image + sigma * grain, 0, 1) * 255)
