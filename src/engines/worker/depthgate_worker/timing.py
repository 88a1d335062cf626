"""Times work on a stream by CUDA events. Nothing is read before the stream has been synchronised."""

import time

from .gate import gate_for


def measure(device, stream, nvml, work, settings, gate=None):
    """
    `work()` puts one inference on `stream`. Warms up for settings["warmup"] seconds, then times single inferences, each
    between two events and waited for, for settings["seconds"] or until settings["iterations"] are done, but at least
    ten. `gate` holds the stream back until an inference is enqueued whole (`held`), unless enqueueing waits for the GPU.
    Then a quarter as many from the call to the end of the wait (`called`), and as many one behind another, for the
    throughput. Times are in milliseconds.
    """
    _warm_up(device, stream, work, settings["warmup"])
    before = _state_under_load(device, stream, nvml, work)
    if gate and not _can_hold(device, stream, work, gate):
        gate = None
    limit, least = settings["seconds"], 10
    wanted = settings.get("iterations")
    start, end = device.event(), device.event()
    gpu, host, held = [], [], gate is not None
    begun = time.perf_counter()
    while len(gpu) < least or (len(gpu) < wanted if wanted else time.perf_counter() - begun < limit):
        if gate:
            gate.close()
        device.record(start, stream)
        calling = time.perf_counter()
        work()
        host.append((time.perf_counter() - calling) * 1000)
        device.record(end, stream)
        if gate:
            held = gate.open() and held
        device.synchronize(stream)
        gpu.append(device.elapsed(start, end))
    after = _state_under_load(device, stream, nvml, work)

    count = len(gpu)
    called = [_called(device, stream, work) for _ in range(max(3, count // 4))]
    device.record(start, stream)
    for _ in range(count):
        work()
    device.record(end, stream)
    device.synchronize(stream)
    queued = device.elapsed(start, end) / count
    for event in (start, end):
        device.destroy_event(event)
    return {"gpu": gpu, "held": held, "host": host, "called": called, "queued": queued, "before": before, "after": after}


def _can_hold(device, stream, work, gate):
    """Whether an inference is enqueued whole while the GPU waits."""
    gate.close()
    work()
    held = gate.open()
    device.synchronize(stream)
    return held


def _called(device, stream, work):
    begun = time.perf_counter()
    work()
    device.synchronize(stream)
    return (time.perf_counter() - begun) * 1000


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
    launch, destroy = device.capture(stream, plain) if settings["graph"] else (plain, lambda: None)
    gate = None
    try:
        gate = gate_for(device, stream)
        return measure(device, stream, nvml, launch, settings, gate)
    finally:
        if gate:
            gate.free()
        device.synchronize(stream)
        destroy()
