"""Runs a PyTorch depth model in FP32 and writes what it produced; called by `depthgate capture`.

Usage: capture.py REQUEST.json. The request names the model file and factory, the device, the outputs with their
kinds, and for each scene the input tensor (.npy, float32) and the folder for its outputs. Writes one .npy an
output and FACTS.json: what ran, on what, with which weights. Needs torch >= 1.13 and numpy, nothing else.
"""

import difflib
import hashlib
import importlib.util
import json
import math
import os
import platform
import sys
import threading

# cuBLAS is only deterministic with a fixed workspace, and reads this when CUDA starts.
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
# Set outside, it would switch TF32 on behind PyTorch's own flags.
os.environ["NVIDIA_TF32_OVERRIDE"] = "0"


class Refused(Exception):
    """Something that the user can mend."""


def load_factory(path, name):
    spec = importlib.util.spec_from_file_location("depthgate_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["depthgate_model"] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec.loader.exec_module(module)
    factory = getattr(module, name, None)
    if factory is None:
        names = sorted(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
        raise Refused(f"{path}: has no {name!r}; callables there: {', '.join(names) or 'none'}")
    return factory


def weights_hash(model):
    """SHA-256 over name, shape and bytes of every parameter and buffer, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name}{list(array.shape)}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def check_float32(torch, model):
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise Refused(
                f"{name} is {tensor.dtype}: goldens are FP32. Load the model with torch_dtype=torch.float32, "
                "or call .float() in the factory"
            )


def described(value):
    """What the model returned in one place: a tensor's lengths, else its type."""
    return "×".join(map(str, value.shape)) or "scalar" if hasattr(value, "shape") else f"a {type(value).__name__}"


def named_outputs(result, kinds):
    """What is kept of the forward result, as {name: tensor}: by key for mappings, else in order."""
    if hasattr(result, "items"):
        there = [str(key) for key in result]
        for name in kinds:
            if name in result:
                continue
            near = difflib.get_close_matches(name, there, n=1)
            hint = f'did you mean "{near[0]}"? There are: ' if near else "there are: "
            raise Refused(f'--output {name}: the model returns no "{name}"; {hint}{", ".join(there)}')
        named = {name: result[name] for name in kinds}
    else:
        items = list(result) if isinstance(result, (tuple, list)) else [result]
        if len(items) != len(kinds):
            raise Refused(
                f"the model returns {len(items)} output{'' if len(items) == 1 else 's'} "
                f"({', '.join(map(described, items))}), --output names {len(kinds)}: {', '.join(kinds)}. "
                "Name each in that order; NAME=ignore keeps one out of the goldens"
            )
        named = dict(zip(kinds, items))
    kept = {name: value for name, value in named.items() if kinds[name] != "ignore"}
    for name, value in kept.items():
        if not hasattr(value, "detach"):
            raise Refused(f"output {name} is {described(value)}, not a tensor. Write --output {name}=ignore")
    return kept


def metric_depth(torch, canonical, fov_deg):
    """1 / clamp(canonical * W / f_px, 1e-4, 1e4) with f_px = 0.5 W / tan(fov / 2), float32."""
    width = canonical.shape[-1]
    f_px = 0.5 * width / torch.tan(0.5 * torch.deg2rad(fov_deg.to(torch.float32)))
    return 1.0 / torch.clamp(canonical * (width / f_px), 1e-4, 1e4)


def as_output(tensor, name, kind, scene):
    tensor = tensor.detach()
    shape = described(tensor)
    if tensor.dtype.is_floating_point and str(tensor.dtype) != "torch.float32":
        raise Refused(f"output {name} is {tensor.dtype}, not float32: the model computes below FP32 somewhere")
    if kind == "fov":
        if tensor.numel() != 1:
            raise Refused(f"output {name} is declared as fov, one number, but has shape {shape}")
        value = float(tensor.reshape(()))
        if not (math.isfinite(value) and 0 < value < 180):
            raise Refused(f"scene {scene}: a field of view of {value} degrees")
        return value
    while tensor.dim() > 2 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() != 2:
        raise Refused(f"output {name} has shape {shape}, expected one map H×W. {name}=ignore keeps it out of the goldens")
    if not bool(tensor.isfinite().any()):
        raise Refused(f"scene {scene}: output {name} has no finite value; such a golden would compare nothing")
    return tensor.cpu().contiguous().numpy().astype("<f4")


def run(request):
    try:
        import numpy
        import torch
    except ImportError as error:
        raise Refused(f"{sys.executable} cannot import {error.name}: install PyTorch and NumPy there, or name another --python")

    device = request["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Refused("--device cuda: this PyTorch sees no GPU")
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True)

    model = load_factory(request["file"], request["factory"])()
    if not isinstance(model, torch.nn.Module):
        raise Refused(f"{request['factory']}() returned {type(model).__name__}, not a torch.nn.Module")
    model.eval()
    check_float32(torch, model)
    facts_weights = weights_hash(model)
    model.to(device)

    kinds = dict(map(tuple, request["outputs"]))
    canonical = next((n for n in kinds if kinds[n] == "canonical-inverse-depth"), None)
    fov = next((n for n in kinds if kinds[n] == "fov"), None)
    derived = request["derived"]
    scalars, repeatable = {}, True

    with torch.no_grad():
        for scene in request["scenes"]:
            image = torch.from_numpy(numpy.load(scene["input"], allow_pickle=False)).to(device)
            outputs = named_outputs(model(image), kinds)
            if scene is request["scenes"][0]:
                again = named_outputs(model(image), kinds)
                repeatable = all(torch.equal(outputs[n], again[n]) for n in outputs)
            if derived:
                outputs[derived] = metric_depth(torch, outputs[canonical], outputs[fov].reshape(()))
            for name, tensor in outputs.items():
                value = as_output(tensor, name, kinds.get(name, "metric-depth"), scene["name"])
                if isinstance(value, float):
                    scalars.setdefault(scene["name"], {})[name] = value
                else:
                    numpy.save(os.path.join(scene["folder"], f"{name}.npy"), value)
            print(f"captured {scene['name']}", file=sys.stderr, flush=True)

    return {
        "scalars": scalars,
        "capture": {
            "factory": f"{os.path.basename(request['file'])}:{request['factory']}",
            "weights": facts_weights,
            "parameters": sum(p.numel() for p in model.parameters()),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else f"cpu {platform.machine()}",
            "dtype": "float32",
            "flags": {
                "tf32": False,
                "deterministic": True,
                "cudnn_benchmark": False,
                "bitwise_repeatable": repeatable,
            },
        },
    }


def end_with_parent():
    """Ends this process when the one that started it is gone: its end of standard input closes."""
    # not sys.stdin: a thread inside its buffer would make the interpreter abort at its end
    while os.read(0, 1):
        pass
    os._exit(4)


def main():
    threading.Thread(target=end_with_parent, daemon=True).start()
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    try:
        facts = run(request)
    except Refused as refused:
        print(f"depthgate: {refused}", file=sys.stderr)
        sys.exit(3)
    with open(request["facts"], "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main()
