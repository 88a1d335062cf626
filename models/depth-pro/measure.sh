#!/usr/bin/env bash
# Depth Pro at full size on a GPU host: PyTorch and TensorRT side by side, with losses.
#   measure.sh WORK OUT SECONDS [--gpus 0,1] …        what else: measure.py --help
# WORK needs 45 GB. Ends within SECONDS; called again it goes on where it stopped. OUT gets table.json, table.md, preview.png,
# timing.cache.gz and logs. Needs `npm run build` first, node on the PATH, and `import tensorrt` in python3 (source its env.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 out=$2 seconds=$3; shift 3
mkdir -p "$work" "$out"
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
# in the background, so that whoever ends this script ends all that it started
timeout --kill-after=10 "$seconds" python3 "$here/measure.py" "$work" "$out" "$((seconds - 12))" "$@" > >(tee -a "$out/measure.log") 2>&1 &
running=$!
trap 'kill "$running"' TERM INT
wait "$running"
timeout 10 python3 "$here/table.py" "$work" "$out"
