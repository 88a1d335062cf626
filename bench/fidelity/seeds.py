"""ONNX files without their weights, for machines that can draw the weights themselves.

    python3 seeds.py take work/packed work/vit4.fp16.onnx …     # here: OUT/vit4.fp16.onnx and .json, some 100 kB
    python3 seeds.py give work/packed                           # there: OUT/vit4.fp16.data beside them

`take` needs onnx; `give` needs PyTorch and NumPy only. A weight of the file is known again by its bytes: it is a parameter of
the network, or one transposed, in FP32 or rounded to FP16. What is not known again stays in the file. The hash of the
whole .data is written down by `take` and checked by `give`.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from networks import NETWORKS

SMALLEST = 1024  # bytes; below it a weight is not worth the trouble
ALIGNED = 64


def half(values):
    """FP16 as depthgate makes it: nearest, ties to even; what overflows is the largest, no value becomes zero."""
    rounded = np.clip(values, -65504, 65504).astype(np.float16)
    lost = (rounded == 0) & (values != 0)
    rounded[lost] = np.copysign(np.float16(2.0**-24), values[lost])
    return rounded


FORMS = {
    "fp32": lambda values: values,
    "fp32 transposed": lambda values: values.T,
    "fp16": half,
    "fp16 transposed": lambda values: half(values.T),
}


def weights(name, form, parameters):
    return np.ascontiguousarray(FORMS[form](parameters[name])).tobytes()


def parameters_of(network):
    return {name: each.detach().numpy() for name, each in NETWORKS[network].factory().named_parameters()}


def take(path, out):
    import onnx

    parameters = parameters_of(path.name.split(".")[0])
    known = {}
    for name, values in parameters.items():
        for form in FORMS:
            if values.ndim == 2 or "transposed" not in form:
                data = weights(name, form, parameters)
                known.setdefault(hashlib.sha256(data).digest(), (name, form))
    model = onnx.load(str(path))
    pieces, at, whole, kept = [], 0, hashlib.sha256(), 0
    for tensor in model.graph.initializer:
        data = tensor.raw_data
        found = known.get(hashlib.sha256(data).digest())
        if len(data) < SMALLEST or found is None:
            kept += len(data)
            continue
        pad = -at % ALIGNED
        whole.update(bytes(pad) + data)
        pieces.append([*found, pad])
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entries = {"location": path.stem + ".data", "offset": at + pad, "length": len(data)}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        at += pad + len(data)
    out.mkdir(parents=True, exist_ok=True)
    (out / path.name).write_bytes(model.SerializeToString(deterministic=True))
    (out / f"{path.stem}.json").write_text(json.dumps({"sha256": whole.hexdigest(), "pieces": pieces}))
    print(f"{path.name}: {at / 1e6:.2f} MB known again, {kept / 1e6:.2f} MB kept")


def give(recipe):
    order = json.loads(recipe.read_text())
    parameters = parameters_of(recipe.name.split(".")[0])
    whole = hashlib.sha256()
    with open(recipe.with_suffix(".data"), "wb") as file:
        for name, form, pad in order["pieces"]:
            data = bytes(pad) + weights(name, form, parameters)
            whole.update(data)
            file.write(data)
    if whole.hexdigest() != order["sha256"]:
        raise SystemExit(f"{recipe}: the weights drawn here are not those of the file")
    print(f"{recipe.with_suffix('.data')}: as it was")


if __name__ == "__main__":
    verb, out, *files = sys.argv[1:]
    if verb == "take":
        for file in files:
            take(Path(file), Path(out))
    else:
        for recipe in sorted(Path(out).glob("*.json")):
            give(recipe)
