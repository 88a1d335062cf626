"""Goldens from PyTorch in FP32, and PyTorch's own rows of the table: FP32, TF32, FP16, BF16.

    python3 reference.py WORK [--device cuda] [--small] [--host]

WORK/host.json; WORK/golden.npz (inputs, inverse, fov), WORK/stats.json (is the golden worth comparing with?),
WORK/rows/pytorch-*.json, but not those that are there.
"""

import argparse
import time
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from files import write_json
from losses import losses
from network import MEAN, SIZE, SMALL_SIZE, STD, depth_pro, small
from scenes import NAMES, inputs
from timing import gpu, time_on

FORMATS = {"fp32": (torch.float32, False), "tf32": (torch.float32, True), "fp16": (torch.float16, False), "bf16": (torch.bfloat16, False)}


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def run(network, images):
    """{"inverse": float32 [scenes, H, W], "fov": float32 [scenes]} for a tensor [scenes, 3, H, W], one scene at a time."""
    results = [network(image[None]) for image in images]
    return {
        "inverse": np.stack([inverse.float().cpu().numpy()[0, 0] for inverse, _ in results]),
        "fov": np.array([float(fov) for _, fov in results], np.float32),
    }


def statistics(golden):
    """Per scene, so that a degenerate golden is seen before anything is compared with it."""
    return {
        name: {
            "mean": float(inverse.mean(dtype=np.float64)), "std": float(inverse.std(dtype=np.float64)),
            "min": float(inverse.min()), "max": float(inverse.max()), "zeros": float((inverse == 0).mean()),
            "finite": bool(np.isfinite(inverse).all()), "fovDeg": float(fov),
        }
        for name, inverse, fov in zip(NAMES, golden["inverse"], golden["fov"])
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="a small network, to try the scripts")
    parser.add_argument("--host", action="store_true", help="write host.json only")
    options = parser.parse_args()
    (options.work / "rows").mkdir(parents=True, exist_ok=True)
    begun = time.time()

    def say(text):
        print(f"{time.time() - begun:6.1f} s  {text}", flush=True)

    cuda = options.device == "cuda"
    host = {"GPU": torch.cuda.get_device_name(), "driver": gpu().driver()} if cuda else {"GPU": options.device}
    write_json(options.work / "host.json", {**host, "torch": torch.__version__})
    if options.host:
        return
    network = (small() if options.small else depth_pro()).to(options.device)
    say(f"{sum(each.numel() for each in network.parameters()):,} parameters")
    images = inputs(SMALL_SIZE if options.small else SIZE, MEAN, STD)
    on_device = torch.from_numpy(images).to(options.device)
    with torch.inference_mode():
        allow_tf32(False)
        golden = run(network, on_device)
        np.savez(options.work / "golden.part.npz", inputs=images, **golden)
        (options.work / "golden.part.npz").rename(options.work / "golden.npz")
        stats = statistics(golden)
        write_json(options.work / "stats.json", stats)
        for name, each in stats.items():
            say(f"{name}: {each}")
        for name, (dtype, tf32) in FORMATS.items():
            file = options.work / f"rows/pytorch-{name}.json"
            if file.exists():
                continue
            allow_tf32(tf32)
            # a copy, so that no format is rounded from another
            reduced = network if dtype == torch.float32 else deepcopy(network).to(dtype)
            images = on_device.to(dtype)
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            row = {"engine": f"PyTorch {torch.__version__}", "at": now, "losses": losses(golden, run(reduced, images))}
            if cuda:
                torch.cuda.reset_peak_memory_stats()
                row["plain"] = time_on(torch.cuda.Stream(), lambda: reduced(images[:1]))
                row["deviceMB"] = round(torch.cuda.max_memory_allocated() / 1e6)
            write_json(file, row)
            say(f"{name}: {row}")


if __name__ == "__main__":
    main()
