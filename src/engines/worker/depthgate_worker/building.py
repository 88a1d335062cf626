"""Builds a plan from an ONNX. Called in a process that does nothing else, and that ends when a build goes wrong."""

import json
import os
import re
import time

from . import library
from .frames import Refused

# types whose tensors are kept whole, so that what stands before and behind them cannot be merged
FLOATS = ("FLOAT", "HALF", "BF16")


def build(device, request, arrays, progress):
    """Writes the plan and what the inspector says of it to the files that `request` names; returns facts."""
    trt = library.tensorrt()
    library.logger().errors.clear()
    weak = request["typing"] == "weak"
    if weak and not hasattr(trt.BuilderFlag, "FP16"):
        raise Refused(
            "weak-typing",
            f"TensorRT {trt.__version__} has no weak typing any more. Leave `typing` out: the precision's own ONNX holds the types",
        )
    builder = trt.Builder(library.logger())
    if not builder:
        raise Refused("build", library.said())
    network = builder.create_network(_creation_flags(trt, weak))
    parser = trt.OnnxParser(network, library.logger())
    progress("parsing", 0, 0)
    if not parser.parse_from_file(request["onnx"]):
        raise Refused("parse", _parser_words(parser))
    library.logger().errors.clear()

    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i).name for i in range(network.num_outputs)]
    config = builder.create_builder_config()
    kept = [config, parser]
    _set_options(trt, config, request)
    _set_precision(trt, config, network, request, weak)
    _set_shapes(builder, config, inputs, request)
    if weak and request["precision"] == "int8":
        calibrator = _calibrator(trt, device, inputs, request, arrays)
        config.int8_calibrator = calibrator
        kept.append(calibrator)
    marked = _mark_all(trt, network, request["unfused"], request.get("marks")) if request.get("unfused") else 0
    if hasattr(trt, "IProgressMonitor"):
        monitor = _monitor(trt, progress)
        config.progress_monitor = monitor
        kept.append(monitor)
    # TensorRT reads the cache while it builds: it must live as long
    kept.append(_load_timings(config, request))

    start = time.monotonic()
    plan = builder.build_serialized_network(network, config)
    seconds = time.monotonic() - start
    if plan is None:
        words = library.said()
        raise Refused(library.kind_of(words, "build"), words)
    _save_timings(config, request)
    with open(request["plan"], "wb") as file:
        file.write(memoryview(plan))
    return {
        "seconds": seconds,
        "bytes": os.path.getsize(request["plan"]),
        "outputs": outputs,
        "marked": marked,
        "networkLayers": network.num_layers,
        "layers": _inspect(trt, plan, request["inspection"]),
    }


def _creation_flags(trt, weak):
    known = trt.NetworkDefinitionCreationFlag
    flags = 1 << int(known.EXPLICIT_BATCH) if hasattr(known, "EXPLICIT_BATCH") else 0
    if not weak and library.version()[0] < 11:
        if not hasattr(known, "STRONGLY_TYPED"):
            raise Refused(
                "version", f"TensorRT {trt.__version__} has no strong typing. Update it to 10, or set typing: 'weak'"
            )
        flags |= 1 << int(known.STRONGLY_TYPED)
    return flags


def _parser_words(parser):
    told = []
    for i in range(parser.num_errors):
        error = parser.get_error(i)
        where = " ".join(
            str(call())
            for call in (getattr(error, name, None) for name in ("node_name", "node_operator"))
            if callable(call) and call()
        )
        told.append(f"{where}: {error.desc()}" if where else error.desc())
    return "\n".join(dict.fromkeys(told)) or library.said()


def _set_options(trt, config, request):
    # the inspector tells formats and fused groups only of such a plan; kernels are the same
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if request.get("optimizationLevel") is not None:
        config.builder_optimization_level = request["optimizationLevel"]
    if request.get("workspaceMiB") is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspaceMiB"] << 20)
    if request.get("strictNans"):
        config.set_flag(_named(trt, trt.BuilderFlag, "STRICT_NANS", "strictNans"))
    if request.get("versionCompatible"):
        config.set_flag(_named(trt, trt.BuilderFlag, "VERSION_COMPATIBLE", "versionCompatible"))
    level = {"ampere+": "AMPERE_PLUS", "sameComputeCapability": "SAME_COMPUTE_CAPABILITY"}.get(
        request.get("hardwareCompatibility")
    )
    if level:
        config.hardware_compatibility_level = _named(
            trt, trt.HardwareCompatibilityLevel, level, f"hardwareCompatibility: '{request['hardwareCompatibility']}'"
        )
    # on by default in every version: FP32 products with 10 bits of mantissa
    if request["tf32"]:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)


def _named(trt, enum, name, option):
    value = getattr(enum, name, None)
    if value is None:
        raise Refused("version", f"TensorRT {trt.__version__} does not know {option}. Leave it out, or use a later TensorRT")
    return value


def _set_precision(trt, config, network, request, weak):
    if not weak:
        return
    flag = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}.get(request["precision"])
    if request["precision"] == "fp8":
        raise Refused("weak-typing", "FP8 is only made from an ONNX that holds Q/DQ. Leave `typing` out")
    if flag:
        config.set_flag(_named(trt, trt.BuilderFlag, flag, f"the precision {request['precision']}"))
    patterns = request.get("fp32Layers") or []
    if not patterns:
        return
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    for pattern in patterns:
        found = [layer for layer in layers if _matches(pattern, layer.name)]
        if not found:
            raise Refused("request", f"fp32Layers: {pattern!r} matches none of the {len(layers)} layers, such as {layers[0].name!r}")
        chosen = [layer for layer in found if _has_choice(trt, layer)]
        if not chosen:
            raise Refused("request", f"fp32Layers: {pattern!r} matches constants and what computes shapes or indices alone, which have no precision to choose")
        for layer in chosen:
            layer.precision = trt.float32
            for i in range(layer.num_outputs):
                layer.set_output_type(i, trt.float32)


def _has_choice(trt, layer):
    """Whether a layer has a precision to choose: constants and what computes shapes or indices have none."""
    outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
    return layer.type != trt.LayerType.CONSTANT and all(o is not None and o.dtype in (trt.float32, trt.float16) for o in outputs)


def _matches(pattern, name):
    if len(pattern) > 1 and pattern[0] == pattern[-1] == "/" and not pattern == name:
        return re.search(pattern[1:-1], name) is not None
    return pattern == name


def _set_shapes(builder, config, inputs, request):
    """A network with axes of unknown length is built for the one shape that is asked for."""
    dynamic = [port for port in inputs if any(length < 0 for length in port.shape)]
    if not dynamic:
        return
    shape = request.get("shape")
    if len(inputs) > 1 or not shape:
        raise Refused("shape", f"{inputs[0].name} has axes of unknown length. Export at a fixed size")
    fixed = tuple(inputs[0].shape)
    if len(fixed) != len(shape) or any(want >= 0 and want != have for want, have in zip(fixed, shape)):
        raise Refused("shape", f"{inputs[0].name} {fixed} does not take the scene's tensor of {tuple(shape)}")
    profile = builder.create_optimization_profile()
    profile.set_shape(inputs[0].name, tuple(shape), tuple(shape), tuple(shape))
    config.add_optimization_profile(profile)
    if request["typing"] == "weak":
        config.set_calibration_profile(profile)


def _mark_all(trt, network, how, names=None):
    """
    Keeps every tensor of floats whole, or those of `names`. `outputs` makes each an output of the network, `debug` marks it as a debug tensor.
    What lies inside a loop or a condition cannot be marked, constants need not, quantised types may not.
    """
    inside = [
        getattr(trt.LayerType, name)
        for name in ("TRIP_LIMIT", "ITERATOR", "RECURRENCE", "LOOP_OUTPUT", "CONDITION", "CONDITIONAL_INPUT", "CONDITIONAL_OUTPUT")
        if hasattr(trt.LayerType, name)
    ]
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    if any(layer.type in inside for layer in layers):
        raise Refused(
            "fusion", "the network has loops or conditions, whose tensors cannot be kept whole: fusion: 'off' is not to be had here"
        )
    marked = 0
    for layer in layers:
        if layer.type == trt.LayerType.CONSTANT:
            continue
        for i in range(layer.num_outputs):
            tensor = layer.get_output(i)
            if names is not None and (tensor is None or tensor.name not in names):
                continue
            if tensor is None or tensor.is_network_output or tensor.is_shape_tensor or tensor.dtype.name not in FLOATS:
                continue
            if how == "outputs":
                network.mark_output(tensor)
            elif not network.mark_debug(tensor):
                continue
            marked += 1
    return marked


def _calibrator(trt, device, inputs, request, arrays):
    if len(inputs) != 1:
        raise Refused("request", f"calibration feeds one input, the network has {len(inputs)}")
    if not arrays:
        raise Refused("request", "INT8 under weak typing is calibrated on scenes, and there are none")

    class Calibrator(trt.IInt8EntropyCalibrator2):
        def __init__(self):
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.next = 0
            self.size = len(arrays[0])
            self.pointer = device.allocate(self.size)
            self.stream = device.stream()
            self.address, self.staging = device.pinned(self.size)

        def get_batch_size(self):
            return 1

        def get_batch(self, names):
            if self.next == len(arrays):
                return None
            self.staging[:] = arrays[self.next]
            device.upload(self.pointer, self.address, self.size, self.stream)
            device.synchronize(self.stream)
            self.next += 1
            return [self.pointer]

        def read_calibration_cache(self):
            return None

        def write_calibration_cache(self, cache):
            pass

    return Calibrator()


def _monitor(trt, progress):
    class Monitor(trt.IProgressMonitor):
        def __init__(self):
            trt.IProgressMonitor.__init__(self)
            self.steps = {}
            self.told = 0.0

        def phase_start(self, phase_name, parent_phase, num_steps):
            self.steps[phase_name] = num_steps
            self.tell(phase_name, 0)

        def step_complete(self, phase_name, step):
            self.tell(phase_name, step + 1)
            return True

        def phase_finish(self, phase_name):
            self.steps.pop(phase_name, None)

        def tell(self, phase, step):
            now = time.monotonic()
            if now - self.told > 0.5:
                self.told = now
                progress(phase, step, self.steps.get(phase, 0))

    return Monitor()


def _load_timings(config, request):
    path, cache = request.get("timingCache"), None
    if path:
        data = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                data = file.read()
        cache = config.create_timing_cache(data)
        fits = cache is not None and config.set_timing_cache(cache, False)
        if not fits and request.get("renewTimings"):
            cache = config.create_timing_cache(b"")
            fits = config.set_timing_cache(cache, False)
        if not fits:
            raise Refused("timing-cache", f"{path}: was made by another TensorRT or for another GPU. Remove it, or name another")
    return cache


def _save_timings(config, request):
    path = request.get("timingCache")
    if path:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.{os.getpid()}.part"
        with open(part, "wb") as file:
            file.write(memoryview(config.get_timing_cache().serialize()))
        os.replace(part, path)


def _inspect(trt, plan, path):
    """Writes what the inspector tells of every layer, as JSON; returns the number of layers."""
    runtime = trt.Runtime(library.logger())
    _allow_host_code(runtime)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise Refused("build", f"the plan that was just built does not load: {library.said()}")
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    json.loads(text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return engine.num_layers


def _allow_host_code(runtime):
    # a version-compatible plan brings its own runtime, which is code; it was made by this very process
    if hasattr(runtime, "engine_host_code_allowed"):
        runtime.engine_host_code_allowed = True
