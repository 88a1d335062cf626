"""The networks on which the fidelity of emulation is measured; see README.md.

Every factory returns a torch.nn.Module in eval mode, FP32, on the CPU, that maps [1, 3, S, S] to one depth map [1, S, S]
(`pocket`: canonical inverse depth and field of view). All but `pocket` have weights drawn by NumPy from a seed that is
the parameter's own name, with +, - and * alone, so they are the same bits on every machine and with every torch.
"""

import importlib.util
import math
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).resolve().parent
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pocket():
    """The bundled network, trained: 0.9 M parameters, 256×256."""
    path = HERE.parent.parent / "models/pocket/pocket.py"
    spec = importlib.util.spec_from_file_location("pocket", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pocket()


def vit12():
    """The shape of Depth Anything V2 small: 12 layers of 384, 518×518."""
    return seeded(DepthViT(size=518, dim=384, heads=6, layers=12))


def vit4():
    """The same cut to 4 layers."""
    return seeded(DepthViT(size=518, dim=384, heads=6, layers=4))


def vit_small():
    """4 layers of 192 at 126×126: small enough to emulate accumulation too."""
    return seeded(DepthViT(size=126, dim=192, heads=3, layers=4, features=32, widths=(24, 48, 96, 192)))


def conv():
    """A residual encoder and a decoder with skips in the manner of MiDaS small, batch norms folded: 256×256."""
    return seeded(ConvNet())


class Network:
    """Name, side of the picture, mean and standard deviation of its normalisation, kinds of its outputs by name."""

    def __init__(self, factory, size, mean, std, outputs):
        self.factory, self.size, self.mean, self.std, self.outputs = factory, size, mean, std, outputs


DEPTH = {"depth": "relative-inverse-depth"}
NETWORKS = {
    "pocket": Network(pocket, 256, (0.5,) * 3, (0.5,) * 3, {"inverse_depth": "canonical-inverse-depth", "fov_deg": "fov"}),
    "vit_small": Network(vit_small, 126, *IMAGENET, DEPTH),
    "vit4": Network(vit4, 518, *IMAGENET, DEPTH),
    "vit12": Network(vit12, 518, *IMAGENET, DEPTH),
    "conv": Network(conv, 256, *IMAGENET, DEPTH),
}


def seeded(network):
    """Weights of unit gain: uniform, with a variance of one over the number of products that are added up."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            draw = np.random.RandomState(zlib.crc32(name.encode())).random_sample(tuple(parameter.shape)) * 2 - 1
            centre, width = network.spread(name, parameter)
            parameter.copy_(torch.from_numpy((centre + width * draw).astype(np.float32)))
    return network.eval()


def unit_gain(name, parameter, transposed):
    """Centre and half width of a parameter's values."""
    if name.endswith("bias"):
        return 0.0, 0.1
    if parameter.dim() == 1:
        return 1.0, 0.2
    shape = parameter.shape
    terms = shape[0] if transposed else parameter[0].numel()
    return 0.0, math.sqrt(3 / terms)


# ---- the vision transformer ---------------------------------------------------------------------------------


class Attention(nn.Module):
    """[1, T, D] -> [1, T, D], in plain MatMul and Softmax."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.dim = heads, dim
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        count = int(x.shape[1])
        shape = (1, count, self.heads, self.dim // self.heads)
        q, k, v = (part.reshape(shape).transpose(1, 2) for part in torch.chunk(self.qkv(x), 3, dim=-1))
        scores = torch.matmul(q * (self.dim // self.heads) ** -0.5, k.transpose(-2, -1))
        return self.proj(torch.matmul(torch.softmax(scores, dim=-1), v).transpose(1, 2).reshape(1, count, self.dim))


class Block(nn.Module):
    """Pre-norm transformer block with LayerScale, as DINOv2 has it."""

    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attention = Attention(dim, heads)
        self.scale1 = nn.Parameter(torch.ones(dim))
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)
        self.scale2 = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ResidualConv(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, dim):
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=1)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """Adds a refined skip to the coarser feature, refines the sum, brings it to the next size."""

    def __init__(self, dim, has_coarser):
        super().__init__()
        self.skip = ResidualConv(dim) if has_coarser else None
        self.refine = ResidualConv(dim)
        self.out = nn.Conv2d(dim, dim, 1)

    def forward(self, coarser, skip, size):
        x = skip if coarser is None else coarser + self.skip(skip)
        return self.out(F.interpolate(self.refine(x), size=size, mode="bilinear", align_corners=False))


class DepthViT(nn.Module):
    """DINOv2 with patches of 14 and the head of DPT, as Depth Anything has them. [1, 3, S, S] -> [1, S, S]."""

    def __init__(self, size, dim, heads, layers, features=64, widths=(48, 96, 192, 384)):
        super().__init__()
        self.size, self.side = size, size // 14
        self.hooks = [layers * (i + 1) // 4 - 1 for i in range(4)]
        self.embed = nn.Conv2d(3, dim, 14, stride=14)
        self.token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.zeros(1, self.side**2 + 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.project = nn.ModuleList(nn.Conv2d(dim, width, 1) for width in widths)
        self.resize = nn.ModuleList([
            nn.ConvTranspose2d(widths[0], widths[0], 4, stride=4),
            nn.ConvTranspose2d(widths[1], widths[1], 2, stride=2),
            nn.Identity(),
            nn.Conv2d(widths[3], widths[3], 3, stride=2, padding=1),
        ])
        self.reassemble = nn.ModuleList(nn.Conv2d(width, features, 3, padding=1, bias=False) for width in widths)
        self.fusions = nn.ModuleList(Fusion(features, has_coarser=index < 3) for index in range(4))
        self.head1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.head2 = nn.Conv2d(features // 2, 32, 3, padding=1)
        self.head3 = nn.Conv2d(32, 1, 1)

    def spread(self, name, parameter):
        if name in ("token", "position"):
            return 0.0, 0.5
        if "scale" in name:
            return 0.5, 0.3
        if name.startswith("head3"):
            return (1.0, 0.0) if name.endswith("bias") else (0.0, 0.12)
        # the scores of an attention spread as in a trained network, and not all tokens look alike
        if name.endswith("qkv.weight"):
            return 0.0, 1.6 * math.sqrt(3 / parameter.shape[1])
        transposed = name in ("resize.0.weight", "resize.1.weight")
        return unit_gain(name, parameter, transposed)

    def forward(self, image):
        x = self.embed(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token, x], dim=1) + self.position
        skips = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.hooks:
                tokens = self.norm(x)[:, 1:]
                skips.append(tokens.transpose(1, 2).reshape(1, -1, self.side, self.side))
        for i in range(4):
            skips[i] = self.reassemble[i](self.resize[i](self.project[i](skips[i])))
        sizes = [[int(n) for n in skip.shape[2:]] for skip in skips]
        x = None
        for i in (3, 2, 1, 0):
            x = self.fusions[i](x, skips[i], sizes[i - 1] if i > 0 else [2 * n for n in sizes[0]])
        x = F.interpolate(self.head1(x), size=[self.size, self.size], mode="bilinear", align_corners=False)
        return F.relu(self.head3(F.relu(self.head2(x)))).squeeze(1)


# ---- the convolutional network ------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """A residual pair of 3×3 convolutions; the first may halve the size."""

    def __init__(self, dim_in, dim, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(dim_in, dim, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1)
        self.short = nn.Conv2d(dim_in, dim, 1, stride=stride) if stride != 1 or dim_in != dim else nn.Identity()

    def forward(self, x):
        return F.relu(self.short(x) + self.conv2(F.relu(self.conv1(x))))


class ConvNet(nn.Module):
    """[1, 3, 256, 256] -> [1, 256, 256]."""

    WIDTHS = (32, 64, 128, 256, 384)

    def __init__(self):
        super().__init__()
        widths = self.WIDTHS
        self.stem = nn.Conv2d(3, widths[0], 5, stride=2, padding=2)
        self.stages = nn.ModuleList(
            nn.Sequential(Bottleneck(a, b, 2), Bottleneck(b, b, 1)) for a, b in zip(widths, widths[1:])
        )
        self.skips = nn.ModuleList(nn.Conv2d(width, 64, 3, padding=1, bias=False) for width in widths)
        self.fusions = nn.ModuleList(Fusion(64, has_coarser=index < 4) for index in range(5))
        self.head1 = nn.Conv2d(64, 32, 3, padding=1)
        self.head2 = nn.Conv2d(32, 1, 1)

    def spread(self, name, parameter):
        if name.startswith("head2"):
            return (1.0, 0.0) if name.endswith("bias") else (0.0, 0.12)
        centre, width = unit_gain(name, parameter, False)
        # a residual sum would grow from stage to stage
        return centre, width * (0.7 if "conv2" in name or "short" in name else 1.0)

    def forward(self, image):
        x = F.relu(self.stem(image))
        features = [x]
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        sizes = [[int(n) for n in feature.shape[2:]] for feature in features]
        x = None
        for i in (4, 3, 2, 1, 0):
            x = self.fusions[i](x, self.skips[i](features[i]), sizes[i - 1] if i > 0 else [2 * n for n in sizes[0]])
        return F.relu(self.head2(F.relu(self.head1(x)))).squeeze(1)
