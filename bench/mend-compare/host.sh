#!/usr/bin/env bash
# The comparison on a GPU host that reaches no network, within SECONDS, on one GPU or two.
#   host.sh WORK OUT SECONDS [--guide cuda]
# PARTS="traps vit12" does these alone, one after the other; there are traps, pocket, vit12 and again, which takes the traps'
# latencies with nothing beside. For a host whose GPUs come free one by one.
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
# starting takes most of a trap's time, so five at a time
declare -A lanes=([a]="attention-logits layernorm-overflow" [b]="large-activations long-sums" [c]="combination reciprocal-head"
  [d]="epsilon-first export-constant" [e]=benign)
trap_lane() { compare "$1" "traps-$2" $(printf -- '--only %s ' ${lanes[$2]}) "${@:3}"; } # GPU LANE ARGUMENTS…
traps() {
  local running=() lane
  for lane in a b c d e; do trap_lane "$1" $lane "${@:2}" & running+=($!); done
  wait "${running[@]}"
}
again() { local lane; for lane in a b c d e; do trap_lane "$1" $lane --again; done; } # their latencies, when nothing else runs
pocket() { compare "$1" pocket --only pocket "${@:2}"; }
vit12() {
  while kill -0 "$preparing" 2>/dev/null; do sleep 1; done
  compare "$1" vit12 --only vit12 "${@:2}"
}
parts() { local part; for part in $2; do "$part" "$1" "${@:3}"; done; } # GPU PARTS ARGUMENTS…

while sleep 15; do keep; done & keeper=$!
timeout $((ends - SECONDS)) "$here/prepare.sh" "$work" >"$results/prepare.log" 2>&1 & preparing=$!
if [ -n "${PARTS:-}" ]; then
  parts "${gpus[0]}" "$PARTS" "$@"
elif [ ${#gpus[@]} -gt 1 ]; then
  parts "${gpus[0]}" "traps pocket again" "$@" & one=$!
  parts "${gpus[1]}" vit12 "$@" & two=$!
  wait $one $two
else
  parts "${gpus[0]}" "traps pocket vit12 again" "$@"
fi
kill $keeper; wait $keeper 2>/dev/null
keep
cat "$out/mend-compare.md"
