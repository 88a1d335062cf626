#!/usr/bin/env bash
# The comparison on a GPU host that reaches no network, within SECONDS, on one GPU or two.
#   host.sh WORK OUT SECONDS [--guide cuda]
# PART=first (pocket and the traps) or second (the ViT) does that alone, as for a host whose GPUs come free one by one.
# Needs this repository, built; a Python (DEPTHGATE_PYTHON, else python3) with TensorRT's bindings, torch, onnx, onnxruntime
# and the peers' wheels of README.md. GPUS="0 1" names GPUs. OUT gets mend-compare.md, and results and logs in one archive,
# which is written anew all the time. Called again with the same WORK it goes on where it stopped.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd) out=$(mkdir -p "$2" && cd "$2" && pwd) ends=$((SECONDS + $3 - 8)); shift 3
read -ra gpus <<<"${GPUS:-$(nvidia-smi --query-gpu=index --format=csv,noheader | head -2 | tr '\n' ' ')}"
results=$work/results; mkdir -p "$results"

compare() { # GPU LANE ARGUMENTS…: what one process does on one GPU
  local gpu=$1 lane=$2; shift 2
  local left=$((ends - SECONDS))
  [ $left -gt 15 ] || return 0
  CUDA_VISIBLE_DEVICES=$gpu timeout -k 5 $left node "$here/compare.mjs" --work "$work" --out "$results/$lane" --seconds $left "$@" 2>&1 |
    sed -u "s/^/[$lane] /" | tee -a "$results/$lane.log"
}
keep() {
  tar -czf "$out/.part" -C "$work" --exclude='*.onnx*' --exclude='*.npz' --exclude='*.plan' --exclude='*.cache' --exclude=.depthgate --exclude=fidelity . &&
    mv "$out/.part" "$out/mend-compare.tar.gz"
  node "$here/table.mjs" "$results"/*/results.json >"$out/mend-compare.md" 2>/dev/null
}
traps() { # GPU: starting takes most of their time, so three at a time
  local running=()
  compare "$1" traps-a --only attention-logits --only layernorm-overflow --only reciprocal-head "${@:2}" & running+=($!)
  compare "$1" traps-b --only large-activations --only long-sums --only combination "${@:2}" & running+=($!)
  compare "$1" traps-c --only epsilon-first --only export-constant --only benign "${@:2}" & running+=($!)
  wait "${running[@]}"
}
# latencies once more, when nothing else runs
again() { for lane in "${@:2}"; do compare "$1" "$lane" --again; done; }
first() { traps "$@"; compare "$1" pocket --only pocket "${@:2}"; again "$1" pocket traps-a traps-b traps-c; }
second() {
  while kill -0 "$preparing" 2>/dev/null; do sleep 1; done
  compare "$1" vit12 --only vit12 "${@:2}"
  again "$1" vit12
}

while sleep 15; do keep; done & keeper=$!
timeout $((ends - SECONDS)) "$here/prepare.sh" "$work" >"$results/prepare.log" 2>&1 & preparing=$!
if [ -n "${PART:-}" ]; then
  "$PART" "${gpus[0]}" "$@"
elif [ ${#gpus[@]} -gt 1 ]; then
  first "${gpus[0]}" "$@" & one=$!
  second "${gpus[1]}" "$@" & two=$!
  wait $one $two
else
  first "${gpus[0]}" "$@"; second "${gpus[0]}" "$@"
fi
kill $keeper; wait $keeper 2>/dev/null
keep
cat "$out/mend-compare.md"
