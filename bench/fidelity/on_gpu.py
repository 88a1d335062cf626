"""Runs every network in PyTorch at FP32, FP16 and BF16, and writes how far the reduced ones are from FP32.

    python3 on_gpu.py --out OUT [--only NAME …] [--device cuda]

OUT/pytorch.json is written anew after every network; OUT/pytorch.npz holds the maps of the first picture.
"""

import argparse
import hashlib
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from figures import figures, mean_of
from networks import NETWORKS
from pictures import NAMES, picture, tensor

# PyTorch's FP16 as it comes; then with the sums of its products in FP32 throughout, and, where this torch can, in FP16
FORMATS = {
    "fp16": (torch.float16, {}),
    "bf16": (torch.bfloat16, {}),
    "fp16 summed in fp32": (torch.float16, {"allow_fp16_reduced_precision_reduction": False}),
    "fp16 summed in fp16": (torch.float16, {"allow_fp16_accumulation": True}),
}


def weights_hash(model):
    """As the manifest of a golden has it."""
    digest = hashlib.sha256()
    for name, each in sorted(model.state_dict().items()):
        array = each.detach().cpu().contiguous().numpy()
        digest.update(f"{name}{list(array.shape)}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def strict_fp32():
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    if hasattr(torch, "set_float32_matmul_precision"):
        torch.set_float32_matmul_precision("highest")


def map_of(output):
    """The depth map of what a network returns, float32 [H, W]."""
    first = output[0] if isinstance(output, (tuple, list)) else output
    return first.float().cpu().numpy().squeeze()


def goldens(name, device):
    """The network's inputs and its FP32 maps, by picture."""
    network = NETWORKS[name]
    model = network.factory().to(device)
    inputs = {
        scene: torch.from_numpy(tensor(picture(scene, network.size), network.mean, network.std)).to(device)
        for scene in NAMES
    }
    with torch.inference_mode():
        return model, inputs, {scene: map_of(model(each)) for scene, each in inputs.items()}


def run(name, device):
    model, inputs, golden = goldens(name, device)
    hashed = weights_hash(model)
    result, maps = {}, {"fp32": golden[NAMES[0]]}
    with torch.inference_mode():
        result["fp32 again"] = {"scenes": {scene: figures(golden[scene], map_of(model(each))) for scene, each in inputs.items()}}
        for label, (dtype, flags) in FORMATS.items():
            reduced = NETWORKS[name].factory().to(device).to(dtype)
            matmul = torch.backends.cuda.matmul
            try:
                before = {flag: getattr(matmul, flag) for flag in flags}
            except (AttributeError, AssertionError):  # an older torch does not know the switch
                continue
            try:
                for flag, value in flags.items():
                    setattr(matmul, flag, value)
                scenes = {}
                for scene, each in inputs.items():
                    actual = map_of(reduced(each.to(dtype)))
                    maps.setdefault(label, actual)
                    scenes[scene] = figures(golden[scene], actual)
                result[label] = {"scenes": scenes}
            except (RuntimeError, TypeError, ValueError) as error:  # a kernel or a switch that is not there; the others still count
                result[label] = {"error": str(error)[:300]}
            finally:
                for flag, value in before.items():
                    setattr(matmul, flag, value)
    for each in result.values():
        if "scenes" in each:
            each["mean"] = mean_of(each["scenes"])
    spread = {scene: [float(each.mean()), float(each.std())] for scene, each in golden.items()}
    return {"weights": hashed, "golden mean and std": spread, "formats": result}, maps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    strict_fp32()
    device = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or "cpu"
    report = {"device": device, "torch": torch.__version__, "numpy": np.__version__, "networks": {}}
    saved = {}
    for name in options.only:
        start = time.time()
        report["networks"][name], maps = run(name, options.device)
        saved.update({f"{name} {label}": each.astype(np.float32) for label, each in maps.items()})
        (options.out / "pytorch.json").write_text(json.dumps(report, indent=1) + "\n")
        # 16 MB at most travel back
        np.savez_compressed(options.out / "pytorch.npz", **{key: each for key, each in saved.items() if "summed" not in key})
        means = {label: each.get("mean", each.get("error")) for label, each in report["networks"][name]["formats"].items()}
        print(f"{name} ({time.time() - start:.0f} s): {json.dumps(means)}", flush=True)


if __name__ == "__main__":
    main()
