#!/usr/bin/env bash
# Everything that is done before the GPU: work/NAME.onnx, PyTorch goldens, TensorRT's files in work/packed.
#   prepare.sh [NAME …]
# Needs `npm run build`, and a Python with torch and onnx (DEPTHGATE_PYTHON, else python3).
set -euo pipefail
cd "$(dirname "$0")"
python=${DEPTHGATE_PYTHON:-python3}
depthgate="node ../../dist/cli/main.js"
names=${*:-pocket vit_small conv vit4 vit12}

"$python" -W ignore export.py --only $names
for name in $names; do
  case $name in
    pocket) form="--output inverse_depth=canonical-inverse-depth --output fov_deg=fov --mean .5,.5,.5 --std .5,.5,.5" ;;
    *) form="--output depth=relative-inverse-depth --mean .485,.456,.406 --std .229,.224,.225" ;;
  esac
  $depthgate capture --python "$python" --model networks.py:$name --scenes "work/scenes/$name/*.png" --out work/golden/$name \
    --onnx work/$name.onnx $form --device cpu --replace
  $depthgate convert work/$name.onnx --precision fp16 -o work/$name.fp16.onnx
  $depthgate convert work/$name.onnx --precision fp16 --accumulate fp32 -o work/$name.fp16-fp32sum.onnx
  "$python" seeds.py take work/packed work/$name{,.fp16,.fp16-fp32sum}.onnx
done
du -sh --exclude '*.data' work/packed
