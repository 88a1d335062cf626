"""Writes each network's ONNX and pictures, and a config that names them all.

    python3 export.py [--out work] [--only NAME …]

Needs PyTorch 1.13 or later and NumPy. `OUT/NAME.onnx` (opset 17), `OUT/scenes/NAME/*.png`, `OUT/depthgate.config.json`.
"""

import argparse
import inspect
import json
import shutil
from pathlib import Path

import torch
from networks import HERE, NETWORKS
from pictures import NAMES, picture, write_png


def export(name, network, path):
    if name == "pocket":  # the bundled file, so that the figures are those of the network that is tested everywhere
        shutil.copyfile(HERE.parent.parent / "models/pocket/pocket.onnx", path)
        return
    # the older exporter, which every torch from 1.13 on has, so that graphs do not depend on the version
    older = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        network.factory(), torch.zeros(1, 3, network.size, network.size), str(path), opset_version=17,
        input_names=["image"], output_names=list(network.outputs), do_constant_folding=True, **older,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "work")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    options = parser.parse_args()
    for name in options.only:
        network = NETWORKS[name]
        scenes = options.out / "scenes" / name
        scenes.mkdir(parents=True, exist_ok=True)
        for scene in NAMES:
            write_png(scenes / f"{scene}.png", picture(scene, network.size))
        path = options.out / f"{name}.onnx"
        export(name, network, path)
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    # every network twice: rounded only, and summed in FP16 too
    models = {name: {"onnx": f"{name}.onnx"} for name in NETWORKS}
    models |= {
        f"{name}-summed": {**model, "golden": f"golden/{name}", "recipes": {"fp16": {"accumulate": "fp16"}}}
        for name, model in models.items()
    }
    (options.out / "depthgate.config.json").write_text(json.dumps({"models": models}, indent=2) + "\n")


if __name__ == "__main__":
    main()
