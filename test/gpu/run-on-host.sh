#!/usr/bin/env bash
# Runs the GPU tests and measurements step by step, each under a time limit of its own, so that one failure does not stop
# the others. For a host that has a GPU, TensorRT's Python bindings, Node and this repository, built (dist/) and with its
# node_modules, but no network.
#
#   DEPTHGATE_GPU_RESULTS=FOLDER test/gpu/run-on-host.sh [STEP...]     the steps in the order given; without: all
#
# CUDA_VISIBLE_DEVICES chooses the GPU; DEPTHGATE_LEVEL (1) is the builder's optimisation level. The steps share plans and
# timings of kernels. After every step summary.txt, results.tar.gz and page.md are written anew, so that what is done is kept
# when the rest is cut off. The step `baselines` writes golden/pocket/baselines of this copy, and puts them with the results.
set -u
cd "$(dirname "$0")/../.."
results=${DEPTHGATE_GPU_RESULTS:?name a folder for the results}
work=${DEPTHGATE_GPU_WORK:-/tmp/depthgate-gpu-work${CUDA_VISIBLE_DEVICES:+-$CUDA_VISIBLE_DEVICES}}
export DEPTHGATE_LEVEL=${DEPTHGATE_LEVEL:-1} DEPTHGATE_PYTHON=${DEPTHGATE_PYTHON:-python3}
export DEPTHGATE_GPU_OUT=$work/figures DEPTHGATE_WORKER_LOG=$work/worker.log DEPTHGATE_GPU_PROJECT=$work/project
export DEPTHGATE_GPU_TIMINGS=$work/timings.bin
# ONNX Runtime's TensorRT provider reads this one
export ORT_TENSORRT_BUILDER_OPTIMIZATION_LEVEL=$DEPTHGATE_LEVEL
export NO_COLOR=1 PYTHONUNBUFFERED=1
unset CI GITHUB_ACTIONS NVIDIA_TF32_OVERRIDE
mkdir -p "$results" "$DEPTHGATE_GPU_OUT" "$DEPTHGATE_GPU_PROJECT/.depthgate" test/gpu/.depthgate/plans
ln -sfn "$PWD/test/gpu/.depthgate/plans" "$DEPTHGATE_GPU_PROJECT/.depthgate/plans"

vitest() { node node_modules/vitest/vitest.mjs run --project gpu --no-file-parallelism "test/gpu/$1.test.ts" "${@:2}"; }
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
sums() { vitest sums; }
errors() { vitest errors; }
plans() { vitest plans; }
weak() { vitest weak; }
quantised() { vitest quantised; }
fusion() { vitest fusion; }
networks() { vitest networks; }
mend() { vitest mend -t 'at most three builds'; }
explain() { vitest mend -t 'pocket (layers|explain)'; }
mendpocket() { vitest mend -t 'pocket within'; }
# by hand as a user does it, guided by another engine of the GPU, which must not compute FP32 in TF32
frontier() {
  NVIDIA_TF32_OVERRIDE=0 depthgate mend pocket --config $config --engine trt --guide ort-cuda --within absRel=8e-4 --scene street \
    --frontier "$work/frontier.svg" --plan "$work/precision-plan.json" --trtexec
}
mendvits() { vitest mend -t vit; }
timing() { vitest timing; }
bench() {
  depthgate bench --config $config --engine trt --scene room --scene street --scene chelsea --seconds 2 --warmup 0.5 \
    --pytorch models/pocket/pocket.py:pocket --recommend --markdown "$work/bench.md" --json >"$work/bench.json"
  local code=$?
  cat "$work/bench.md"
  return $code
}
budget() { vitest budget; }
gate() { depthgate gate --config $config --engine trt --report none; }
# what the gate left is accepted as this GPU's; a second gate keeps to it, and builds nothing
baselines() {
  # what breaks its tolerance is refused; the rest is accepted all the same
  depthgate accept --all --config $config --reason 'first run on this GPU'
  mkdir -p "$work/baselines" && cp golden/pocket/baselines/*tensorrt*.json "$work/baselines/"
  depthgate gate --config $config --engine trt --report none >"$work/second.log" 2>&1
  local code=$?
  cat "$work/second.log"
  if grep -q 'TensorRT: built' "$work/second.log"; then echo 'the second gate built a plan' && return 3; fi
  return $code
}
providers() { vitest providers; }
rebuilds() {
  depthgate bench --config $config --engine trt --precision fp16 --scene room --seconds 1 --warmup 0.5 --rebuilds 2
}
unfused() { node bench/tensorrt/unfused.mjs "$DEPTHGATE_LEVEL"; }

# step and its limit in seconds, by importance
steps=(facts:90 precisions:330 sums:150 errors:150 timing:150 fusion:240 networks:500 mend:420 explain:240 mendpocket:320 frontier:400 mendvits:400 plans:240 weak:240 bench:300 budget:200 gate:400
  baselines:150 quantised:420 providers:400 rebuilds:200 unfused:200)

limit_of() {
  for entry in "${steps[@]}"; do [ "${entry%%:*}" = "$1" ] && echo "${entry##*:}" && return; done
  return 1
}

run() { # NAME SECONDS
  local began=$SECONDS rc
  # a shell of its own that knows the functions, in a process group that the limit ends whole
  timeout -k 10 "$2" bash -c "$(declare -f); config=$config work=$work; $1" >"$work/$1.log" 2>&1 </dev/null
  rc=$?
  echo "$1: exit code $rc after $((SECONDS - began)) s on $(date -I)" | tee -a "$results/summary.txt"
  tail -n 25 "$work/$1.log" | cut -c1-300 | sed 's/^/    /'
  cp "$results/summary.txt" "$work/"
  tar -czf "$results/results.tar.gz.part" --exclude=./project -C "$work" . && mv "$results/results.tar.gz.part" "$results/results.tar.gz"
  node test/gpu/page.mjs "$work" >"$results/page.md.part" && mv "$results/page.md.part" "$results/page.md"
}

[ $# -gt 0 ] || set -- "${steps[@]%%:*}"
for name in "$@"; do
  limit=$(limit_of "$name") || { echo "$name is no step: ${steps[*]%%:*}" >&2 && exit 2; }
  run "$name" "$limit"
done
cat "$results/summary.txt"
