"""The worker behind depthgate's `tensorrt` engine: python tensorrt_worker.py reads requests as frames and answers each.

Needs NVIDIA's driver and the module `tensorrt`, nothing else. Ends when its standard input closes.
"""

import os
import sys

from depthgate_worker import server
from depthgate_worker.frames import Refused

state = {"device": None, "nvml": None, "sessions": {}, "next": 1}


def device(index):
    from depthgate_worker import driver
    from depthgate_worker import nvml

    if state["device"] is None:
        state["device"] = driver.Device(index)
        state["nvml"] = nvml.Nvml(state["device"].bus())
    if state["device"].index != index:
        raise Refused("request", f"this worker drives GPU {state['device'].index}, not {index}")
    return state["device"]


def hello(request, arrays, progress):
    from depthgate_worker import library

    trt = library.tensorrt()
    # before anything of TensorRT is made: without a GPU its constructors end the process
    facts = device(request["device"]).facts()
    return {
        **facts,
        "tensorrt": trt.__version__,
        "python": sys.version.split()[0],
        "driver": state["nvml"].driver(),
        "weakTyping": hasattr(trt.BuilderFlag, "FP16"),
        "tf32Override": os.environ.get("NVIDIA_TF32_OVERRIDE"),
    }


def build(request, arrays, progress):
    from depthgate_worker import building

    return building.build(device(request["device"]), request, arrays, progress)


def load(request, arrays, progress):
    from depthgate_worker import running

    session = running.Session(
        device(request["device"]), request["plan"], request.get("shape"), request.get("hostCode", False)
    )
    handle = state["next"]
    state["next"] += 1
    state["sessions"][handle] = session
    return {"session": handle, **session.facts()}


def session_of(request):
    found = state["sessions"].get(request["session"])
    if found is None:
        raise Refused("request", f"there is no session {request['session']}")
    return found


def run(request, arrays, progress):
    names = [array["name"] for array in request.get("arrays", [])]
    milliseconds, outputs = session_of(request).run(dict(zip(names, arrays)), request["fetch"])
    return {"milliseconds": milliseconds}, outputs


def time(request, arrays, progress):
    from depthgate_worker import timing

    session = session_of(request)
    names = [array["name"] for array in request.get("arrays", [])]
    session.feed(dict(zip(names, arrays)))
    return timing.measure_session(session, state["nvml"], request)


def profile(request, arrays, progress):
    from depthgate_worker import profiling

    session = session_of(request)
    names = [array["name"] for array in request.get("arrays", [])]
    session.feed(dict(zip(names, arrays)))
    return profiling.profile_session(session, request)


def free(request, arrays, progress):
    session_of(request).free()
    del state["sessions"][request["session"]]
    return {}


server.serve(
    {"hello": hello, "build": build, "load": load, "run": run, "time": time, "profile": profile, "free": free}
)
