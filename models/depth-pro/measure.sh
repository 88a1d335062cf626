#!/usr/bin/env bash
# Depth Pro at full size on a GPU host: PyTorch and TensorRT side by side, with losses.
#   measure.sh WORK OUT SECONDS [--jobs 2] [--prepare]
# WORK needs 40 GB. Ends within SECONDS; called again it goes on where it stopped. OUT gets table.json, table.md,
# preview.png and logs. Needs `npm run build` first, node on the PATH, and `import tensorrt` in python3 (source its env.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 out=$2 seconds=$3; shift 3
mkdir -p "$work" "$out"
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
timeout --kill-after=10 "$seconds" python3 "$here/measure.py" "$work" "$out" "$((seconds - 12))" "$@" 2>&1 | tee -a "$out/measure.log"
timeout 10 python3 "$here/table.py" "$work" "$out"
