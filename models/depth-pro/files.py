"""Files that are there whole or not at all."""

import json
import os
from pathlib import Path


def write_bytes(path, data):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    os.replace(part, path)


def write_json(path, value):
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path):
    return json.loads(Path(path).read_text()) if Path(path).exists() else None
