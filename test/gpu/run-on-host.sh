#!/usr/bin/env bash
# Runs the GPU tests and measurements step by step, each under a time limit of its own, so that one failure does not stop
# the others. For a host that has a GPU, TensorRT's Python bindings, Node and this repository, built (dist/) and with its
# node_modules, but no network.
#
#   DEPTHGATE_GPU_RESULTS=FOLDER test/gpu/run-on-host.sh [STEP...]     without a STEP: all, in this order
#
# Writes summary.txt and results.tar.gz there after every step, so that what is done is kept when the rest is cut off.
set -u
cd "$(dirname "$0")/../.."
results=${DEPTHGATE_GPU_RESULTS:?name a folder for the results}
work=${DEPTHGATE_GPU_WORK:-/tmp/depthgate-gpu-work}
export DEPTHGATE_GPU_OUT=$work/figures DEPTHGATE_WORKER_LOG=$work/worker.log DEPTHGATE_PYTHON=${DEPTHGATE_PYTHON:-python3}
export NO_COLOR=1 PYTHONUNBUFFERED=1
mkdir -p "$results" "$DEPTHGATE_GPU_OUT"

vitest() { node node_modules/vitest/vitest.mjs run --project gpu --no-file-parallelism "test/gpu/$1.test.ts"; }
depthgate() { node dist/cli/main.js "$@"; }
config=test/gpu/depthgate.config.ts

facts() {
  nvidia-smi
  node --version
  "$DEPTHGATE_PYTHON" -c 'import sys, tensorrt; print(sys.version, tensorrt.__version__)'
  "$DEPTHGATE_PYTHON" -c 'import torch; print(torch.__version__, torch.version.cuda)'
  depthgate doctor --config $config
}
precisions() { vitest precisions; }
quantised() { vitest quantised; }
unfused() { node bench/tensorrt/unfused.mjs "${DEPTHGATE_LEVEL:-3}"; }
fusion() { vitest fusion; }
timing() { vitest timing; }
errors() { vitest errors; }
plans() { vitest plans; }
weak() { vitest weak; }
networks() { vitest networks; }
gate() { depthgate gate --config $config --engine trt --engine trt-weak; }
second() { depthgate gate --config $config --engine trt --precision fp32; }
bench() {
  depthgate bench --config $config --engine trt --scene room --scene street --scene chelsea --seconds 2 --warmup 0.5 \
    --pytorch models/pocket/pocket.py:pocket --recommend --markdown "$work/bench.md"
  depthgate bench --config $config --engine trt --scene room --seconds 1 --warmup 0.5 --json >"$work/bench.json"
}
rebuilds() {
  depthgate bench --config $config --engine trt --precision fp16 --scene room --seconds 1 --warmup 0.5 --rebuilds 2
}
providers() {
  node bench/tensorrt/providers.mjs
  NVIDIA_TF32_OVERRIDE=0 node bench/tensorrt/providers.mjs
  depthgate gate --config $config --engine ort-cuda --precision tf32 --scene room
  NVIDIA_TF32_OVERRIDE=0 depthgate gate --config $config --engine ort-cuda --precision fp32 --scene room
  depthgate gate --config $config --engine ort-cuda --precision fp32 --scene room
  depthgate gate --config $config --engine ort-tensorrt --scene room
}

# step and its limit in seconds
steps=(facts:90 precisions:400 quantised:300 unfused:300 fusion:240 timing:120 errors:150 bench:500 plans:200 gate:400 second:60
  weak:240 networks:500 providers:300 rebuilds:400)

run() { # NAME SECONDS
  local began=$SECONDS rc
  # a shell of its own that knows the functions, in a process group that the limit ends whole
  timeout -k 10 "$2" bash -c "$(declare -f); config=$config work=$work; $1" >"$work/$1.log" 2>&1 </dev/null
  rc=$?
  echo "$1: exit code $rc after $((SECONDS - began)) s" | tee -a "$results/summary.txt"
  tail -n 25 "$work/$1.log" | cut -c1-300 | sed 's/^/    /'
  tar -czf "$results/results.tar.gz.part" -C "$work" . && mv "$results/results.tar.gz.part" "$results/results.tar.gz"
}

for entry in "${steps[@]}"; do
  name=${entry%%:*}
  if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then run "$name" "${entry##*:}"; fi
done
cat "$results/summary.txt"
