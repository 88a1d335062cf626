"""What the comparison needs of Python: names for nodes, the count of nodes in FP32, AutoCast, auto_mixed_precision.

    python3 peers.py prepare IN.onnx OUT.onnx SCENE.npy …       names for nodes, a weight for each node, scenes as .npz
    python3 peers.py count MODEL.onnx                           prints how many nodes compute in FP32
    python3 peers.py scene GOLDEN.npz OUT.npz                   the first of the inputs of models/depth-pro, by the input's name
    python3 peers.py autocast IN.onnx OUT.onnx INPUTS           ModelOpt's AutoCast; INPUTS holds an .npz a scene; `none`: without ranges
    python3 peers.py auto-mixed IN.onnx OUT.onnx INPUT.npz -- JUDGE …   onnxconverter-common's bisection

JUDGE is a command that reads a line {output: file.npy} and answers "true" or "false" by a line.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

MOVED_ONLY = {"Cast", "Constant", "Identity", "Shape", "Size"}
FLOAT, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


def prepare(source, out, *scenes):
    """
    Two of the tools tell nodes by name, and the exporter of some networks gave none. Weights that several nodes read are
    copied for each: auto_mixed_precision makes models that do not load where one of them stays FP32.
    """
    model = onnx.load(source)
    for scene in map(Path, scenes):
        np.savez(scene.with_suffix(".npz"), **{model.graph.input[0].name: np.load(scene)})
        scene.unlink()
    taken = {node.name for node in model.graph.node}
    for place, node in enumerate(model.graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{place}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    weights = {weight.name: weight for weight in model.graph.initializer}
    read = set()
    for node in model.graph.node:
        for index, tensor in enumerate(node.input):
            if tensor in weights and tensor in read:
                node.input[index] = f"{tensor}_of_{node.name}_{index}"
                model.graph.initializer.add().CopyFrom(weights[tensor])
                model.graph.initializer[-1].name = node.input[index]
            read.add(tensor)
    big = model.ByteSize() > 1 << 30
    onnx.save(model, out, save_as_external_data=big, location=f"{Path(out).name}.data")


def count(path):
    """Nodes that write a float, by its type: FP32, FP16. Casts, constants and nodes that only pass on do not count."""
    model = onnx.load(path, load_external_data=False)
    # what a converter left there may be of the network before
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {each.name: each.type.tensor_type.elem_type for each in [*graph.value_info, *graph.output]}
    found = {"fp32": 0, "fp16": 0, "unknown": 0}
    for node in graph.node:
        if node.op_type in MOVED_ONLY:
            continue
        written = [types.get(output) for output in node.output if output]
        if None in written:
            found["unknown"] += 1
        elif FLOAT in written:
            found["fp32"] += 1
        elif HALF in written:
            found["fp16"] += 1
    return found


def autocast(source, out, inputs):
    from modelopt.onnx.autocast.__main__ import main

    ranges = ["--data_max", "inf"] if inputs == "none" else ["--calibration_data", inputs]
    main(["--onnx_path", source, "--output_path", out, "--keep_io_types", *ranges])
    return {}


def auto_mixed(source, out, scene, judge):
    """Every set of nodes that is tried is held against the golden by the tolerance that all keep."""
    import contextlib
    import io

    from onnxconverter_common import auto_mixed_precision

    model = onnx.load(source)
    names = [output.name for output in model.graph.output]
    folder = Path(tempfile.mkdtemp())
    held = subprocess.Popen(judge, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    verdicts = []

    def validate(_, outputs):
        files = {}
        for index, (output, values) in enumerate(zip(names, outputs)):
            files[output] = str(folder / f"{index}.npy")
            np.save(files[output], np.asarray(values, np.float32))
        held.stdin.write(json.dumps(files) + "\n")
        held.stdin.flush()
        verdicts.append(json.loads(held.stdout.readline()))
        return verdicts[-1]

    with contextlib.redirect_stdout(io.StringIO()):
        # the first judged is FP32, and where that fails this raises; the last is the result once more
        made = auto_mixed_precision.auto_convert_mixed_precision(model, dict(np.load(scene)), validate, keep_io_types=True)
    held.stdin.close()
    held.wait()
    onnx.save(made, out)
    return {"attempts": len(verdicts) - 1}


def main():
    verb, *rest = sys.argv[1:]
    start = time.time()
    if verb == "prepare":
        return prepare(*rest)
    if verb == "scene":
        return np.savez(rest[1], image=np.load(rest[0])["inputs"][:1])
    if verb == "count":
        found = count(*rest)
    elif verb == "autocast":
        found = autocast(*rest)
    else:
        at = rest.index("--")
        found = auto_mixed(*rest[:at], rest[at + 1 :])
    print(json.dumps({**found, "seconds": round(time.time() - start, 2)}))


if __name__ == "__main__":
    main()
