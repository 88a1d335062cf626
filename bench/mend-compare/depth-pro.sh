#!/usr/bin/env bash
# Depth Pro's rows on a GPU host that reaches no network, within SECONDS: mend on the first GPU, guided there, while Polygraphy
# searches on the second and the other tools convert on the processor; then all that was made is built and timed. With one GPU
# Polygraphy comes last.
#   depth-pro.sh WORK OUT SECONDS [METHOD …]        these alone: mend, polygraphy, autocast-unranged, auto-mixed
# WORK needs 60 GB. OUT gets Depth Pro's table with these rows, and results.json for table.mjs. The rows of plain FP16, FP32 sums
# and FP32, and by them the limits, are those of models/depth-pro/table.json: it must be such a host.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$here/../../models/depth-pro python=${DEPTHGATE_PYTHON:-python3}
work=$(mkdir -p "$1/logs" "$1/peers" && cd "$1" && pwd) out=$(mkdir -p "$2" && cd "$2" && pwd) ends=$((SECONDS + $3)); shift 3
[ $# -gt 0 ] || set -- mend polygraphy autocast-unranged auto-mixed
read -ra gpus <<<"$(nvidia-smi --query-gpu=index --format=csv,noheader | head -2 | tr '\n' ' ')"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTHONUNBUFFERED=1
left() { echo $((ends - SECONDS - $1)); }
asked=" $* "
try() { # GPU SECONDS METHOD ARGUMENTS…
  [[ $asked == *" $3 "* ]] || return 0
  CUDA_VISIBLE_DEVICES=$1 node "$here/depth-pro.mjs" try "$work" --seconds "$2" --only "${@:3}" 2>&1 | tee -a "$out/try.log"
}
measure() { bash "$model/measure.sh" "$work" "$out" "$(left 15)" --known "$model" --only fp16 --gpus 0 "$@"; } # fp16 is known

measure & golden=$!
[ -e "$work/depth_pro.onnx" ] || "$python" -W ignore "$model/export.py" "$work/depth_pro.onnx" >"$work/logs/export.log" 2>&1
wait $golden
"$python" -W ignore "$model/project.py" "$work" >"$work/logs/project.log" 2>&1
cp "$out/table.json" "$work/table.json"
grep -q '"fp16-sum32": {' "$work/table.json" || { echo "no limits: $model/table.json is of another host" >&2; exit 1; }

searching=
[ ${#gpus[@]} -gt 1 ] && { try 1 "$(left 150)" polygraphy & searching=$!; }
{ try 0 "$(left 400)" autocast-unranged; try 0 "$(left 400)" auto-mixed; } & converting=$!
try 0 "$(left 350)" mend --guide cuda
wait $converting

# the same layers get the same kernels
[ -e "$work/peers/timing.cache" ] && [ ! -e "$work/timing.cache" ] && cp "$work/peers/timing.cache" "$work/timing.cache"
made=()
for name in mend autocast-unranged auto-mixed; do
  [ -e "$work/peers/$name.onnx" ] && made+=(--onnx "$name=$work/peers/$name.onnx")
done
[ ${#made[@]} -gt 0 ] && measure --tf32 "${made[@]}"
if [ -n "$searching" ]; then wait "$searching"; else try 0 "$(left 60)" polygraphy; fi
"$python" "$model/table.py" "$work" "$out"
node "$here/depth-pro.mjs" rows "$work" "$out/table.json" "$out"
