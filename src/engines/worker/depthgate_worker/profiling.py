"""What each layer of a plan takes, from TensorRT's own profiler."""

import statistics

from . import library
from .frames import Refused


def profile_session(session, settings):
    """
    Times every layer over settings["runs"] inferences, after settings["warmup"]. Uses a context of its own, so that other runs
    of the session stay as they are. Returns medians in milliseconds; layers of one name are added up.
    """
    trt = library.tensorrt()

    class Profiler(trt.IProfiler):
        def __init__(self):
            trt.IProfiler.__init__(self)
            self.layers = {}

        def report_layer_time(self, layer_name, ms):
            self.layers[layer_name] = self.layers.get(layer_name, 0.0) + ms

    library.logger().errors.clear()
    context = session.another_context()
    profiler = Profiler()
    context.profiler = profiler
    runs = []
    for index in range(settings["warmup"] + settings["runs"]):
        profiler.layers = {}
        if not context.execute_async_v3(session.stream):
            words = library.said()
            raise Refused(library.kind_of(words, "run"), words)
        session.device.synchronize(session.stream)
        if not profiler.layers:
            context.report_to_profiler()
        if index >= settings["warmup"]:
            runs.append(profiler.layers)
    del context
    names = list(dict.fromkeys(name for run in runs for name in run))
    if not names:
        raise Refused("profile", "TensorRT's profiler reported no layer")
    layers = [{"name": name, "milliseconds": statistics.median(run.get(name, 0.0) for run in runs)} for name in names]
    return {"layers": layers, "total": statistics.median(sum(run.values()) for run in runs), "runs": len(runs)}
