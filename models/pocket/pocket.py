"""Factory of the trained pocket network. Works when loaded by file path."""

import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from network import PocketNetwork  # noqa: E402


def pocket():
    """The network with the weights of pocket.pt beside this file: FP32, CPU, eval mode.
    [1, 3, 256, 256] in [-1, 1] -> (canonical inverse depth [1, 1, 256, 256], degrees [1])."""
    network = PocketNetwork()
    weights = HERE / "pocket.pt"
    try:
        state = torch.load(weights, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise FileNotFoundError(f"{weights} is missing: run train.py, or restore it") from None
    network.load_state_dict(state)
    return network.eval()
