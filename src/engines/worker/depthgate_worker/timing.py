"""Times work on a stream by CUDA events. Nothing is read before the stream has been synchronised."""

import time


def measure(device, stream, nvml, work, settings):
    """
    `work()` puts one inference on `stream`. Warms up for settings["warmup"] seconds, then times single inferences, each
    between two events and waited for, for settings["seconds"] or until settings["iterations"] are done, but at least
    ten; then the same number one behind another, for the throughput. Times are in milliseconds.
    """
    _warm_up(device, stream, work, settings["warmup"])
    before = _state_under_load(device, stream, nvml, work)
    limit, least = settings["seconds"], 10
    wanted = settings.get("iterations")
    start, end = device.event(), device.event()
    gpu, host = [], []
    begun = time.perf_counter()
    while len(gpu) < least or (len(gpu) < wanted if wanted else time.perf_counter() - begun < limit):
        device.record(start, stream)
        called = time.perf_counter()
        work()
        host.append((time.perf_counter() - called) * 1000)
        device.record(end, stream)
        device.synchronize(stream)
        gpu.append(device.elapsed(start, end))
    after = _state_under_load(device, stream, nvml, work)

    count = len(gpu)
    device.record(start, stream)
    for _ in range(count):
        work()
    device.record(end, stream)
    device.synchronize(stream)
    queued = device.elapsed(start, end) / count
    for event in (start, end):
        device.destroy_event(event)
    return {"gpu": gpu, "host": host, "queued": queued, "before": before, "after": after}


def _warm_up(device, stream, work, seconds):
    begun = time.perf_counter()
    while True:
        work()
        device.synchronize(stream)
        if time.perf_counter() - begun >= seconds:
            return


def _state_under_load(device, stream, nvml, work):
    """Clocks of an idle GPU say nothing: they are read while inferences are under way."""
    for _ in range(3):
        work()
    state = nvml.state()
    device.synchronize(stream)
    return state


def measure_session(session, nvml, settings):
    """One of plain enqueue or a CUDA graph; with the inputs copied in and the outputs out where that is asked for."""
    device, stream = session.device, session.stream
    wanted = settings["fetch"]
    inward, outward = settings["transfers"] in ("in", "both"), settings["transfers"] in ("out", "both")

    def plain():
        if inward:
            for name in session.inputs:
                session.upload(name)
        session.enqueue()
        if outward:
            for name in wanted:
                session.download(name)

    for name in [*session.inputs, *wanted]:
        session.staging(name)
    # TensorRT sets up on the first call after shapes have changed, which a graph must not hold
    plain()
    device.synchronize(stream)
    if not settings["graph"]:
        return measure(device, stream, nvml, plain, settings)
    launch, destroy = device.capture(stream, plain)
    try:
        return measure(device, stream, nvml, launch, settings)
    finally:
        device.synchronize(stream)
        destroy()
