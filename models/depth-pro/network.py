"""Depth Pro of transformers, with real weights where there are any, else with weights drawn from a seed.

    depthgate capture --model models/depth-pro/network.py:depth_pro …

DEPTH_PRO_WEIGHTS names a local folder that `from_pretrained` reads (config.json, model.safetensors). Without it the same
architecture, 952 M parameters, gets random weights that are the same bits on every machine. Needs transformers >= 5.
"""

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn
from transformers import DepthProConfig, DepthProForDepthEstimation
from transformers.models.depth_pro import modeling_depth_pro
from transformers.models.dinov2 import modeling_dinov2

SIZE, SMALL_SIZE = 1536, 256
MEAN = STD = (0.5, 0.5, 0.5)
INPUT, OUTPUTS = "image", ("inverse_depth", "fov_deg")

# Every size is fixed, so the integers that transformers keeps as tensors while it is traced are constants. As tensors they
# become a Pow of integers in the ONNX, which TensorRT refuses.
modeling_depth_pro.torch_int = modeling_dinov2.torch_int = int


class DepthPro(nn.Module):
    """[N, 3, S, S] in [-1, 1] -> canonical inverse depth [N, 1, S, S], ≥ 0, and field of view in degrees [N].

    Canonical is (f_px / W) / metres; depth = 1 / clamp(inverse · W / f_px, 1e-4, 1e4) lies outside, in float32."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        outputs = self.model(pixel_values=image, return_dict=True)
        return outputs.predicted_depth.unsqueeze(1), outputs.field_of_view


def depth_pro():
    """The network at full size, FP32, CPU, eval mode."""
    folder = os.environ.get("DEPTH_PRO_WEIGHTS")
    if not folder:
        return seeded(config())
    if not os.path.isfile(os.path.join(folder, "config.json")):
        raise FileNotFoundError(f"DEPTH_PRO_WEIGHTS={folder}: holds no config.json; name a local copy of apple/DepthPro-hf")
    model = DepthProForDepthEstimation.from_pretrained(folder, dtype=torch.float32, use_fov_model=True, attn_implementation="sdpa")
    return DepthPro(model).eval()


def small():
    """The same anatomy with 1.1 M parameters for 256×256, to try the scripts on."""
    return seeded(config(patch=64, dim=64, layers=4, heads=4, hooks=(2, 1), fusion=32, widths=(64, 64, 48)))


def config(patch=384, dim=1024, layers=24, heads=16, hooks=(11, 5), fusion=256, widths=(1024, 1024, 512)):
    """That of apple/DepthPro-hf; smaller arguments make a small network of the same anatomy, for pictures of 4 × patch."""
    vit = {
        "model_type": "dinov2", "image_size": patch, "patch_size": 16, "hidden_size": dim, "num_hidden_layers": layers,
        "num_attention_heads": heads, "mlp_ratio": 4, "use_mask_token": False,
    }
    return DepthProConfig(
        patch_size=patch, fusion_hidden_size=fusion, intermediate_hook_ids=list(hooks),
        intermediate_feature_dims=[fusion, fusion], scaled_images_feature_dims=list(widths), use_fov_model=True,
        image_model_config=vit, patch_model_config=vit, fov_model_config=vit, attn_implementation="sdpa",
    )


def seeded(settings):
    """A network whose every parameter is drawn by NumPy from a seed that is the parameter's own name."""
    with torch.device("meta"):
        model = DepthProForDepthEstimation(settings)
    model.to_empty(device="cpu")
    network = DepthPro(model)

    def draw(named):
        name, parameter = named
        centre, width = spread(name, parameter)
        uniform = np.random.RandomState(zlib.crc32(name.encode())).random_sample(tuple(parameter.shape)) * 2 - 1
        parameter.data.copy_(torch.from_numpy((centre + width * uniform).astype(np.float32)))

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # 8 bytes a value at a time, so not all at once
        list(pool.map(draw, network.named_parameters()))
    return network.eval()


def spread(name, parameter):
    """Centre and half width of a parameter's uniform draw.

    Unit gain: a variance of one over the number of products added up, so that what goes in as 1 comes out as 1. LayerScale
    around 0.3 lets the residual stream of 24 layers grow to about twice the variance that it starts with. The scores of an
    attention spread by about 1.7, as in a trained network: neither all tokens alike nor one alone. The last layers have the
    gains below, which bring this network's depth and field of view to where those of photographs are."""
    name = name.removeprefix("model.")
    if name in LAST:
        return LAST[name]
    if name.endswith(("cls_token", "position_embeddings")):
        return 0.0, 0.5
    if name.endswith("lambda1"):
        return 0.3, 0.2
    if name.endswith("bias"):
        return 0.0, 0.1
    if parameter.dim() == 1:
        return 1.0, 0.2
    transposed = "deconv" in name or name == "head.layers.1.weight" or upsamples(name)
    terms = parameter.shape[0] if transposed else parameter[0].numel()
    gain = 1.3 if name.endswith(("query.weight", "key.weight")) else 1.0
    return 0.0, gain * math.sqrt(3 / terms)


def upsamples(name):
    """Whether it is the weight of a transposed convolution in the neck: all there but the 1×1 projection that comes first."""
    return "feature_upsample" in name and ("image_block" in name or not name.endswith("layers.0.weight"))


LAST = {
    "head.layers.4.weight": (0.0, 0.02),
    "head.layers.4.bias": (0.6, 0.0),
    "fov_model.head.layers.4.weight": (0.0, 0.4),
    "fov_model.head.layers.4.bias": (55.0, 0.0),
}
