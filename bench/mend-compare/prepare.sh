#!/usr/bin/env bash
# The ViT in the shape of Depth Anything V2 small with its goldens, from seeds: WORK/fidelity. A minute on a CPU; no GPU is used.
#   prepare.sh WORK
# Needs `npm run build`, and a Python with torch and onnx (DEPTHGATE_PYTHON, else python3).
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd)/fidelity
python=${DEPTHGATE_PYTHON:-python3}
[ -e "$work/golden/vit12/manifest.json" ] && exit
"$python" -W ignore "$repo/bench/fidelity/export.py" --out "$work" --only vit12
node "$repo/dist/cli/main.js" capture --python "$python" --model "$repo/bench/fidelity/networks.py:vit12" --scenes "$work/scenes/vit12/*.png" \
  --out "$work/golden/vit12" --onnx "$work/vit12.onnx" --output depth=relative-inverse-depth \
  --mean .485,.456,.406 --std .229,.224,.225 --device cpu --replace
