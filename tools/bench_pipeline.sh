#!/bin/sh
# Gets what `make bench-pipeline` measures beside: `bench_pipeline.sh DIR`. What cannot be had here is left
# out of the tables, which say so.
set -eu
cd "$(dirname "$0")/.."
dir=$1

mkdir -p "$dir"
command -v wrk >/dev/null 2>&1 || sh tools/setup.sh wrk
command -v vipsthumbnail >/dev/null 2>&1 || sh tools/setup.sh libvips-tools || true
sh tools/venv.sh "$dir/venv" benches/pipeline/requirements.txt
sh tools/bench_sharp.sh "$dir"
