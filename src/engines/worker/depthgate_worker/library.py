"""TensorRT, imported when it is first needed, and what it says while it works."""

import importlib
import sys

from .frames import Refused

_loaded = {}


def tensorrt():
    """The bindings module."""
    if "trt" not in _loaded:
        try:
            _loaded["trt"] = importlib.import_module("tensorrt")
        except ImportError as first:
            if isinstance(first, ModuleNotFoundError) and first.name == "tensorrt":
                raise Refused("no-tensorrt", f"{sys.executable} has no module `tensorrt`") from first
            raise Refused("broken-tensorrt", f"TensorRT's Python bindings do not load in {sys.executable}: {first}") from first
    return _loaded["trt"]


def version():
    """(major, minor) of TensorRT."""
    major, minor = tensorrt().__version__.split(".")[:2]
    return int(major), int(minor)


def logger():
    """The one logger: TensorRT refuses a second."""
    if "logger" not in _loaded:
        trt = tensorrt()

        class Logger(trt.ILogger):
            def __init__(self):
                trt.ILogger.__init__(self)
                self.errors = []

            def log(self, severity, text):
                if severity <= trt.ILogger.ERROR:
                    self.errors.append(text)
                if severity <= trt.ILogger.WARNING:
                    print(f"TensorRT {severity.name.lower()}: {text}", file=sys.stderr, flush=True)

        _loaded["logger"] = Logger()
        trt.init_libnvinfer_plugins(_loaded["logger"], "")
    return _loaded["logger"]


def said():
    """TensorRT's own words since the last call, each once."""
    words = list(dict.fromkeys(text.strip() for text in logger().errors))
    logger().errors.clear()
    return "\n".join(words[-12:]) or "TensorRT said nothing"


def kind_of(words, otherwise):
    lower = words.lower()
    return "memory" if "out of memory" in lower or "outofmemory" in lower or "insufficient memory" in lower else otherwise
