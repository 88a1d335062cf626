"""Answers requests one after another until the parent goes away."""

import os
import traceback

from . import frames
from . import parent
from .frames import Refused


def serve(requests):
    """`requests` has a function for each type: (request, arrays, progress) -> facts, or (facts, arrays)."""
    parent.follow()
    while (received := frames.read()) is not None:
        _answer(requests, *received)
    # no destructors: those of native libraries may not come to an end
    os._exit(0)


def _answer(requests, request, arrays):
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
