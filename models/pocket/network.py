"""The pocket network: the anatomy of Depth Pro at a size that a two-core CPU runs in a fraction of
a second. Windows of an image pyramid go through one shared vision transformer (ViT) as one batch,
a second ViT sees the whole image, a multi-resolution decoder fuses both, a head ends in a ReLU.

Input   [N, 3, 256, 256] float32, RGB, normalised (x / 255 - 0.5) / 0.5, so in [-1, 1].
Outputs canonical inverse depth [N, 1, 256, 256] = (f_px / W) / metres, >= 0; zero means "no depth";
        field of view [N] in degrees (the image is square, so horizontal = vertical).
Metric depth is computed outside the network, by `metric_depth`.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

IMAGE_SIZE = 256
WINDOW_SIZE = 64
PATCH_SIZE = 8
TOKENS = WINDOW_SIZE // PATCH_SIZE  # tokens along one side of a window

WINDOW_DIM = 64
IMAGE_DIM = 128
# Decoder channels at 16, 32, 64 and 128 pixels: fewer where a convolution costs more.
DECODER_DIMS = (48, 32, 24, 16)


class Attention(nn.Module):
    """Multi-head self-attention in plain MatMul and Softmax, which every exporter understands.
    [N, T, D] -> [N, T, D]."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)

    def forward(self, tokens):
        batch, count, dim = (int(size) for size in tokens.shape)
        query, key, value = (
            part.reshape(batch, count, self.heads, dim // self.heads).transpose(1, 2)
            for part in torch.chunk(self.query_key_value(tokens), 3, dim=-1)
        )
        # scaling the query, not the scores, keeps intermediates smaller in half precision
        scores = torch.matmul(query * (dim // self.heads) ** -0.5, key.transpose(-2, -1))
        mixed = torch.matmul(torch.softmax(scores, dim=-1), value)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, dim))


class Block(nn.Module):
    """Pre-norm transformer block. [N, T, D] -> [N, T, D]."""

    def __init__(self, dim, heads, mlp_ratio):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim)
        )

    def forward(self, tokens):
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """ViT over 64x64 images: 8x8 patches, learned positions, no class token.
    [N, 3, 64, 64] -> (final, hook), each [N, D, 8, 8]; hook is the feature after block `hook`."""

    def __init__(self, dim, depth, heads, mlp_ratio, hook):
        super().__init__()
        self.hook = hook
        self.embed = nn.Conv2d(3, dim, PATCH_SIZE, stride=PATCH_SIZE)
        self.position = nn.Parameter(_wave_positions(dim))
        self.blocks = nn.ModuleList(Block(dim, heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2) + self.position
        hooked = tokens
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index == self.hook:
                hooked = tokens
        return _to_map(self.norm(tokens)), _to_map(hooked)


def _wave_positions(dim):
    """Where learned positions start: sines and cosines of the row and the column, [1, 64, dim]. A
    short training has no time to tell top from bottom by itself."""
    # half a wave spans from two tokens to four times the window
    frequency = math.pi / 2 * 16.0 ** -torch.linspace(0, 1, dim // 4)
    angle = torch.arange(TOKENS)[:, None] * frequency
    waves = 0.7 * torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)  # [8, dim / 2]
    rows = waves[:, None].expand(-1, TOKENS, -1)
    columns = waves[None].expand(TOKENS, -1, -1)
    return torch.cat([rows, columns], dim=-1).reshape(1, TOKENS * TOKENS, dim).contiguous()


def _to_map(tokens):
    """[N, 64, D] -> [N, D, 8, 8]."""
    batch, _, dim = (int(size) for size in tokens.shape)
    return tokens.transpose(1, 2).reshape(batch, dim, TOKENS, TOKENS)


def split_windows(image, stride):
    """Overlapping 64x64 windows of a square image, row by row, joined along the batch axis.
    [N, C, S, S] -> [steps * steps * N, C, 64, 64]."""
    last = int(image.shape[-1]) - WINDOW_SIZE
    starts = range(0, last + 1, stride)
    return torch.cat(
        [image[:, :, y : y + WINDOW_SIZE, x : x + WINDOW_SIZE] for y in starts for x in starts]
    )


def merge_windows(features, steps, trim):
    """Undoes `split_windows` on feature maps: neighbours overlap by 2 * trim tokens, and each gives
    up its outer half of the overlap, where a window knows least about its surroundings.
    [steps * steps * N, D, 8, 8] -> [N, D, S, S] with S = 8 * steps - 2 * trim * (steps - 1)."""
    windows = torch.chunk(features, steps * steps)
    rows = []
    for row in range(steps):
        top, bottom = _kept(row, steps, trim)
        parts = []
        for column in range(steps):
            left, right = _kept(column, steps, trim)
            parts.append(windows[row * steps + column][:, :, top:bottom, left:right])
        rows.append(torch.cat(parts, dim=-1))
    return torch.cat(rows, dim=-2)


def _kept(index, steps, trim):
    """First and last-plus-one token that window `index` of `steps` keeps along one axis."""
    return (trim if index > 0 else 0), (TOKENS - trim if index < steps - 1 else TOKENS)


def upsampler(dim_in, dim_out, doublings):
    """1x1 projection, then `doublings` transposed convolutions that double the resolution each."""
    layers = [nn.Conv2d(dim_in, dim_out, 1, bias=False)]
    layers += [nn.ConvTranspose2d(dim_out, dim_out, 2, stride=2) for _ in range(doublings)]
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """Pyramid, windows, both ViTs. [N, 3, 256, 256] -> four skips, finest first (128, 64, 32 and 16
    pixels, channels as in DECODER_DIMS reversed), and the image ViT's [N, 128, 8, 8]."""

    def __init__(self):
        super().__init__()
        self.window_vit = VisionTransformer(WINDOW_DIM, depth=3, heads=2, mlp_ratio=3, hook=0)
        self.image_vit = VisionTransformer(IMAGE_DIM, depth=3, heads=4, mlp_ratio=3, hook=1)
        coarse, low, middle, fine = DECODER_DIMS
        self.up_hook = upsampler(WINDOW_DIM, fine, 2)
        self.up_high = upsampler(WINDOW_DIM, middle, 1)
        self.up_mid = upsampler(WINDOW_DIM, low, 1)
        self.up_low = upsampler(WINDOW_DIM, coarse, 1)
        self.up_image = upsampler(IMAGE_DIM, coarse, 1)
        self.fuse_low = nn.Conv2d(2 * coarse, coarse, 1)

    def forward(self, image):
        half = F.interpolate(image, size=128, mode="bilinear", align_corners=False)
        quarter = F.interpolate(image, size=64, mode="bilinear", align_corners=False)
        batch = int(image.shape[0])
        # 25 + 9 + 1 windows: one batch, so that one set of weights sees all three scales
        windows = torch.cat([split_windows(image, 48), split_windows(half, 32), quarter])
        final, hook = self.window_vit(windows)
        high, mid, low = torch.split(final, [25 * batch, 9 * batch, batch])
        whole, _ = self.image_vit(quarter)

        hook = merge_windows(hook[: 25 * batch], steps=5, trim=1)  # 32x32
        high = merge_windows(high, steps=5, trim=1)  # 32x32
        mid = merge_windows(mid, steps=3, trim=2)  # 16x16
        lowest = self.fuse_low(torch.cat([self.up_low(low), self.up_image(whole)], dim=1))
        return [self.up_hook(hook), self.up_high(high), self.up_mid(mid), lowest], whole


class ResidualUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), no batch norm. [N, C, H, W] -> the same."""

    def __init__(self, dim):
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=1)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """Adds a refined skip to the coarser feature, refines the sum, doubles it where a finer level
    follows. The coarsest level has no coarser feature: pass None."""

    def __init__(self, dim, dim_out, has_coarser, doubles):
        super().__init__()
        self.refine_skip = ResidualUnit(dim) if has_coarser else None
        self.refine = ResidualUnit(dim)
        self.up = nn.ConvTranspose2d(dim, dim, 2, stride=2, bias=False) if doubles else None
        self.out = nn.Conv2d(dim, dim_out, 1)

    def forward(self, skip, coarser):
        x = skip if coarser is None else coarser + self.refine_skip(skip)
        x = self.refine(x)
        return self.out(x if self.up is None else self.up(x))


class Decoder(nn.Module):
    """Four skips, finest first -> (feature [N, 16, 128, 128], lowest feature [N, 48, 16, 16])."""

    def __init__(self):
        super().__init__()
        levels = []
        for index, dim in enumerate(DECODER_DIMS):
            finest = index == len(DECODER_DIMS) - 1
            dim_out = dim if finest else DECODER_DIMS[index + 1]
            levels.append(Fusion(dim, dim_out, has_coarser=index > 0, doubles=not finest))
        self.levels = nn.ModuleList(levels)

    def forward(self, skips):
        coarsest_first = skips[::-1]
        x = None
        for level, skip in zip(self.levels, coarsest_first):
            x = level(skip, x)
        return x, coarsest_first[0]


class FieldOfViewHead(nn.Module):
    """Image ViT feature [N, 128, 8, 8] + lowest decoder feature [N, 48, 16, 16] -> degrees [N].
    Unlike Depth Pro it trains together with the rest, so the decoder feature is not detached."""

    def __init__(self):
        super().__init__()
        dim = DECODER_DIMS[0]
        self.from_image = nn.Conv2d(IMAGE_DIM, dim, 1)
        self.from_decoder = nn.Conv2d(dim, dim, 3, stride=2, padding=1)
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(dim, dim, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(dim, dim // 2, 4),
            nn.ReLU(),
            nn.Conv2d(dim // 2, 1, 1),
        )

    def forward(self, image_feature, lowest):
        x = self.layers(self.from_image(image_feature) + self.from_decoder(lowest))
        # centred on the training range of 30 to 90 degrees, so the layers work in units near one
        return 60.0 + 30.0 * x.flatten(1).squeeze(1)


def _initialise(layer):
    """Keeps the variance through the many layers without a norm: with torch's defaults the coarsest
    level would reach the head at less than a hundredth of its size."""
    if isinstance(layer, nn.ConvTranspose2d):
        # at stride 2 and kernel 2 an output pixel sums over the input channels only
        nn.init.normal_(layer.weight, std=layer.in_channels**-0.5)
    elif isinstance(layer, nn.Conv2d):
        # 3x3 and 4x4 convolutions stand after a ReLU, which halves the variance
        gain = "relu" if layer.kernel_size[0] in (3, 4) else "linear"
        nn.init.kaiming_normal_(layer.weight, nonlinearity=gain)
    else:
        return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class PocketNetwork(nn.Module):
    """image -> (inverse_depth, fov_deg); shapes, units and ranges in the module's docstring."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        dim = DECODER_DIMS[-1]
        self.head = nn.Sequential(
            nn.Conv2d(dim, 8, 3, padding=1),
            nn.ConvTranspose2d(8, 8, 2, stride=2),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 1, 1),
        )
        self.fov_head = FieldOfViewHead()
        self.apply(_initialise)
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, ResidualUnit):
                    layer.conv2.weight.mul_(0.5)
            # starts at a typical indoor value with little contrast, so the final ReLU is alive
            self.head[-1].weight.mul_(0.05)
            self.head[-1].bias.fill_(0.3)
            self.fov_head.layers[-1].weight.mul_(0.3)

    def forward_raw(self, image):
        """As `forward`, without the final ReLU: training needs a gradient where it is negative.
        The head stays in float32 under autocast: a distant pixel is a small difference of
        features near one, which bfloat16 would round away."""
        skips, whole = self.encoder(image)
        feature, lowest = self.decoder(skips)
        fov_deg = self.fov_head(whole, lowest)
        if torch.is_autocast_enabled():
            with torch.autocast(device_type=image.device.type, enabled=False):
                return self.head(feature.float()), fov_deg.float()
        return self.head(feature), fov_deg

    def forward(self, image):
        raw, fov_deg = self.forward_raw(image)
        return F.relu(raw), fov_deg


def normalise(image):
    """RGB [..., 3, H, W] in 0..255 -> float32 in [-1, 1], as the network expects it."""
    return (image.to(torch.float32) / 255.0 - 0.5) / 0.5


def focal_length_px(fov_deg, width=IMAGE_SIZE):
    """Focal length in pixels [N] from the horizontal field of view in degrees [N], in float32."""
    return 0.5 * width / torch.tan(0.5 * torch.deg2rad(fov_deg.to(torch.float32)))


def metric_depth(inverse_depth, fov_deg):
    """Canonical inverse depth [N, 1, H, W] and field of view [N] -> z-depth [N, 1, H, W] in metres,
    in [1e-4, 1e4]; an inverse depth of zero becomes 10 000 m."""
    width = int(inverse_depth.shape[-1])
    width_per_focal = (width / focal_length_px(fov_deg, width)).reshape(-1, 1, 1, 1)
    return 1.0 / torch.clamp(inverse_depth.to(torch.float32) * width_per_focal, 1e-4, 1e4)


def count_parameters(network):
    """Number of trained scalars."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network):
    """Multiply-accumulates of one forward pass at batch 1: convolutions, linear layers and the two
    products of each attention. One MAC is two floating-point operations."""
    total = 0

    def add(layer, inputs, output):
        nonlocal total
        if isinstance(layer, nn.ConvTranspose2d):
            total += inputs[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Conv2d):
            total += output.numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features
        elif isinstance(layer, Attention):
            batch, count, dim = inputs[0].shape
            total += 2 * batch * count * count * dim

    handles = [layer.register_forward_hook(add) for layer in network.modules()]
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    finally:
        for handle in handles:
            handle.remove()
    return total


if __name__ == "__main__":
    pocket = PocketNetwork().eval()
    macs = count_macs(pocket)
    print(f"{count_parameters(pocket):,} parameters")
    print(f"{macs / 1e9:.2f} GMAC = {2 * macs / 1e9:.2f} GFLOP")
