"""Files that are there whole or not at all."""

import json
import os
from pathlib import Path


def write_json(path, value):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(part, path)


def read_json(path):
    return json.loads(Path(path).read_text()) if Path(path).exists() else None
