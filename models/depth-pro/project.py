"""The goldens and the config with which depthgate itself works on the network: WORK/project.

    python3 project.py WORK [--rest fp16]       # after reference.py and export.py; needs `npm run build`
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from files import read_json, write_bytes
from scenes import NAMES

DEPTHGATE = Path(__file__).resolve().parents[2] / "dist/cli/main.js"
# of random weights, whose activations hardly depend on the picture, one scene tells the ranges
CALIBRATION = {"scenes": ["astronaut"]}


def import_goldens(work, project):
    """What PyTorch was fed and gave, as depthgate's goldens, and the first input as raw floats."""
    golden, host = np.load(work / "golden.npz"), read_json(work / "host.json")
    for name, image, inverse, fov in zip(NAMES, golden["inputs"], golden["inverse"], golden["fov"]):
        np.save(project / f"{name}.npy", image[None])
        np.save(project / f"{name}-depth.npy", inverse)
        arguments = ["--input", f"{name}.npy", "--depth", f"{name}-depth.npy", "--unit", "canonical", "--fov", str(float(fov)), "--replace"]
        source = f"models/depth-pro/reference.py, PyTorch {host['torch']} FP32, {host['GPU']}"
        command = ["node", DEPTHGATE, "import", f"depth_pro/{name}", *arguments, "--source", source]
        subprocess.run(command, cwd=project, check=True)
    write_bytes(project / "input.f32", golden["inputs"][0].tobytes())


def config(rest):
    """Products of data and weights in int8, the rest as asked."""
    int8 = {"calibration": CALIBRATION, **({"rest": rest} if rest else {})}
    models = {"depth_pro": {"onnx": "../depth_pro.onnx", "precisions": ["int8"], "recipes": {"int8": int8}}}
    return f"export default {json.dumps({'models': models}, indent=2)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--rest", choices=["fp16", "bf16"], help="what is not quantised; without it, FP32")
    options = parser.parse_args()
    project = options.work.resolve() / "project"
    project.mkdir(exist_ok=True)
    if not (project / "input.f32").exists():
        import_goldens(options.work, project)
    write_bytes(project / "depthgate.config.ts", config(options.rest).encode())


if __name__ == "__main__":
    main()
