"""Exports the trained pocket network to ONNX and compares the file with PyTorch.

    python export.py --weights pocket.pt --out pocket.onnx

Static batch of 1, constants folded, input `image`, outputs `inverse_depth` and `fov_deg`, one file.
"""

import argparse
import inspect
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from network import IMAGE_SIZE, PocketNetwork, normalise  # noqa: E402
from scenes import render_batch  # noqa: E402

OPSET = 18
INPUTS, OUTPUTS = ["image"], ["inverse_depth", "fov_deg"]
# Above this the export is wrong, not merely reordered: FP32 sums of some hundred terms differ by
# about 1e-6.
LARGEST_RELATIVE = 1e-3


def export_onnx(network, image, path):
    """Writes `path` and returns the name of the exporter that did it: torch.export's where this
    torch has it, else TorchScript's."""
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        try:
            torch.onnx.export(
                network, (image,), str(path), input_names=INPUTS, output_names=OUTPUTS,
                opset_version=OPSET, dynamo=True, external_data=False,
            )
            strip_metadata(path)
            return "torch.export"
        except Exception as error:  # whatever fails there, the older exporter may still work
            print(f"torch.export exporter failed, falling back to TorchScript: {error}")
        legacy = {"dynamo": False, "opset_version": OPSET}
    else:
        legacy = {"opset_version": min(OPSET, _newest_opset())}
    torch.onnx.export(
        network, (image,), str(path), input_names=INPUTS, output_names=OUTPUTS,
        do_constant_folding=True, **legacy,
    )
    return "TorchScript"


def strip_metadata(path):
    """Removes what the exporter notes on each node and value, half a megabyte of stack traces with
    the paths of the exporting machine. The names of the PyTorch modules stay: they say where in the
    network a node came from."""
    import onnx

    model = onnx.load(str(path))
    graph = model.graph
    noted = [model, graph, *graph.node, *graph.initializer, *graph.value_info]
    for each in [*noted, *graph.input, *graph.output]:
        kept = [entry for entry in each.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del each.metadata_props[:]
        each.metadata_props.extend(kept)
        each.doc_string = ""
    onnx.save(model, str(path))


def _newest_opset():
    """Newest opset that a torch without the dynamo exporter writes."""
    from torch.onnx import _constants

    return _constants.ONNX_MAX_OPSET


def check_file(path):
    """Full check with shape inference, and that nothing lies outside the file."""
    try:
        import onnx
    except ImportError:
        print("onnx is not installed: file not checked")
        return
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path), load_external_data=False)
    external = onnx.TensorProto.EXTERNAL
    outside = [each.name for each in model.graph.initializer if each.data_location == external]
    if outside:
        raise SystemExit(f"{len(outside)} tensors lie outside {path}, first {outside[0]}")
    graph = model.graph
    names = [value.name for value in graph.input], [value.name for value in graph.output]
    if names != (INPUTS, OUTPUTS):
        raise SystemExit(f"inputs and outputs are {names}, expected {(INPUTS, OUTPUTS)}")
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    operators = sorted({node.op_type for node in model.graph.node})
    print(f"checked: opset {opset}, {len(model.graph.node)} nodes: {', '.join(operators)}")


def compare(network, path, image):
    """Prints the largest absolute and relative difference of each output on one image."""
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not installed: not compared")
        return
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actual = session.run(OUTPUTS, {INPUTS[0]: image.numpy()})
    with torch.no_grad():
        expected = network(image)
    for name, want, got in zip(OUTPUTS, expected, actual):
        got = torch.from_numpy(got)
        if got.shape != want.shape or not torch.isfinite(got).all():
            raise SystemExit(f"{name}: {tuple(got.shape)} for {tuple(want.shape)}, or not finite")
        difference = (got - want).abs()
        relative = difference.max() / want.abs().max().clamp(min=1e-12)
        print(f"{name}: max abs {difference.max():.3e}, relative to largest {relative:.3e}")
        if relative > LARGEST_RELATIVE:
            raise SystemExit(f"{name} differs by more than {LARGEST_RELATIVE}: the export is wrong")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=HERE / "pocket.pt")
    parser.add_argument("--out", type=Path, default=HERE / "pocket.onnx")
    options = parser.parse_args()

    network = PocketNetwork()
    network.load_state_dict(torch.load(options.weights, weights_only=True, map_location="cpu"))
    network.eval()
    image, _, _ = render_batch(1, torch.Generator().manual_seed(7), IMAGE_SIZE)
    image = normalise(image)
    exporter = export_onnx(network, image, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, exported through {exporter}")
    check_file(options.out)
    compare(network, options.out, image)


if __name__ == "__main__":
    main()
