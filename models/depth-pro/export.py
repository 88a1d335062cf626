"""Exports Depth Pro to ONNX in FP32, weights in one file beside it, and checks what was written.

    python3 export.py OUT.onnx [--exporter torch.export|torchscript] [--small]

Static batch of 1, input `image`, outputs `inverse_depth` and `fov_deg`. OUT.onnx and OUT.onnx.data, 3.8 GB, lie together.
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from network import INPUT, OUTPUTS, SIZE, SMALL_SIZE, depth_pro, small

INTEGERS = (onnx.TensorProto.INT32, onnx.TensorProto.INT64)


def export_torch(network, image, path):
    """torch.export sees no tensor where a size is meant, so there is nothing left to fold. No forward pass; about a minute of one core."""
    torch.onnx.export(
        network, (image,), str(path), input_names=[INPUT], output_names=list(OUTPUTS), opset_version=18, dynamo=True,
        external_data=True, verbose=False,
    )


def export_torchscript(network, image, path):
    """The older exporter. It runs the network once, and writes a file a weight above 2 GB, which are joined here."""
    with TemporaryDirectory(dir=path.parent) as folder:
        pieces = Path(folder) / path.name
        torch.onnx.export(
            network, (image,), str(pieces), input_names=[INPUT], output_names=list(OUTPUTS), opset_version=17,
            dynamo=False, do_constant_folding=True,
        )
        save(onnx.load(str(pieces)), path)


EXPORTERS = {"torch.export": export_torch, "torchscript": export_torchscript}


def save(model, path):
    data = path.with_name(path.name + ".data")
    data.unlink(missing_ok=True)  # onnx appends to what is there
    onnx.save(model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=data.name, size_threshold=1024)


def strip(path):
    """Takes out what the exporter notes on nodes and values: stack traces with the paths of the exporting machine. The names
    of the PyTorch modules stay. The weights are not read."""
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    for each in [model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output]:
        kept = [entry for entry in each.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del each.metadata_props[:]
        each.metadata_props.extend(kept)
        each.doc_string = ""
    path.write_bytes(model.SerializeToString())


def check(path):
    """By path, as a model above 2 GiB must be; then that no Pow of integers is left, which TensorRT refuses."""
    onnx.checker.check_model(str(path))
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    names = [value.name for value in graph.input], [value.name for value in graph.output]
    if names != ([INPUT], list(OUTPUTS)):
        raise SystemExit(f"{path}: inputs and outputs are {names}")
    kinds = {each.name: each.data_type for each in graph.initializer}
    kinds |= {each.name: each.type.tensor_type.elem_type for each in [*graph.value_info, *graph.input]}
    powers = [node.name for node in graph.node if node.op_type == "Pow" and kinds.get(node.input[0]) in INTEGERS]
    if powers:
        raise SystemExit(f"{path}: {len(powers)} Pow of integers, first {powers[0]}")
    print(f"opset {model.opset_import[0].version}, {len(graph.node)} nodes: {dict(Counter(n.op_type for n in graph.node).most_common())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--exporter", choices=EXPORTERS, default="torch.export")
    parser.add_argument("--small", action="store_true", help="a small network, to try the scripts")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    network, size = (small(), SMALL_SIZE) if options.small else (depth_pro(), SIZE)
    # the same attention in plain MatMul and Softmax, which engines know and fuse; the other one leaves Reshapes in between
    network.model.set_attn_implementation("eager")
    print(f"{time.time() - begun:.0f} s: weights", flush=True)
    with torch.no_grad():
        EXPORTERS[options.exporter](network, torch.zeros(1, 3, size, size), options.out)
    strip(options.out)
    data = options.out.with_name(options.out.name + ".data")
    print(f"{time.time() - begun:.0f} s: {options.exporter}, {data.stat().st_size / 1e9:.2f} GB of weights", flush=True)
    check(options.out)


if __name__ == "__main__":
    main()
