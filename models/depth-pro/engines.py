"""The engines of the table, the most important first: that is the order in which they are built."""

from dataclasses import dataclass

PRODUCTS = {"conv": ["Conv", "ConvTranspose"], "matmul": ["MatMul"]}
FP16 = ("--precision", "fp16")


def sums(kind):
    return tuple(part for pattern in PRODUCTS[kind] for part in ("--accumulate-fp32", pattern))


@dataclass(frozen=True)
class Engine:
    """`recipe`: what `depthgate convert` is told; () for the FP32 export itself, None for int8, which is calibrated on scenes.
    `flags`: how engine.py builds it. An unfused one is there for its loss; nobody runs it, so it is not timed."""

    title: str
    recipe: tuple | None = ()
    flags: tuple = ()

    @property
    def timed(self):
        return "--unfused" not in self.flags


ENGINES = {
    "fp16": Engine("TensorRT FP16", FP16),
    "fp32": Engine("TensorRT FP32"),
    "fp16-sum32": Engine("TensorRT FP16, all products summed in FP32", (*FP16, "--accumulate", "fp32")),
    "fp16-sum32-tf32": Engine("TensorRT FP16, all products summed in FP32, TF32 kernels allowed", (*FP16, "--accumulate", "fp32"), ("--tf32",)),
    "tf32": Engine("TensorRT TF32", (), ("--tf32",)),
    "fp16-sum32-conv": Engine("TensorRT FP16, Conv summed in FP32", (*FP16, *sums("conv"))),
    "fp16-sum32-matmul": Engine("TensorRT FP16, MatMul summed in FP32", (*FP16, *sums("matmul"))),
    "fp16-unfused": Engine("TensorRT FP16, every tensor kept", FP16, ("--unfused",)),
    "int8": Engine("TensorRT INT8", None),
    # TensorRT 10.6 has no BF16 kernel of these
    "bf16": Engine("TensorRT BF16, Resize and ConvTranspose in FP32", ("--precision", "bf16", "--keep", "Resize", "--keep", "ConvTranspose")),
    "fp32-unfused": Engine("TensorRT FP32, every tensor kept", (), ("--unfused",)),
}


def shared(name):
    """The first engine with the same recipe, whose name the ONNX has."""
    return next(each for each, engine in ENGINES.items() if engine.recipe == ENGINES[name].recipe)
