"""The worker behind depthgate's `tensorrt` engine: python worker/ reads requests as frames and answers each.

Needs NVIDIA's driver and the module `tensorrt`, nothing else. Ends when its standard input closes.
"""

import os
import sys
import traceback

import frames
import parent
from frames import Refused

state = {"device": None, "nvml": None, "sessions": {}, "next": 1}


def device(index):
    import cuda
    import nvml

    if state["device"] is None:
        state["device"] = cuda.Device(index)
        state["nvml"] = nvml.Nvml(state["device"].bus())
    if state["device"].index != index:
        raise Refused("request", f"this worker drives GPU {state['device'].index}, not {index}")
    return state["device"]


def hello(request, arrays, progress):
    import library

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
    import building

    return building.build(device(request["device"]), request, arrays, progress)


def load(request, arrays, progress):
    import running

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
    import timing

    session = session_of(request)
    names = [array["name"] for array in request.get("arrays", [])]
    session.feed(dict(zip(names, arrays)))
    return timing.measure_session(session, state["nvml"], request)


def free(request, arrays, progress):
    session_of(request).free()
    del state["sessions"][request["session"]]
    return {}


requests = {"hello": hello, "build": build, "load": load, "run": run, "time": time, "free": free}


def answer(request, arrays):
    number = request["id"]

    def progress(phase, step, steps):
        frames.write({"id": number, "type": "progress", "phase": phase, "step": step, "steps": steps})

    try:
        result = requests[request["type"]](request, arrays, progress)
        facts, outputs = result if isinstance(result, tuple) else (result, [])
        frames.write({"id": number, "type": "result", **facts}, outputs)
    except Refused as refusal:
        frames.write({"id": number, "type": "refused", "kind": refusal.kind, "message": str(refusal)})
    except Exception as fault:
        traceback.print_exc()
        frames.write({"id": number, "type": "refused", "kind": "fault", "message": f"{type(fault).__name__}: {fault}"})


parent.follow()
while (received := frames.read()) is not None:
    answer(*received)
os._exit(0)
