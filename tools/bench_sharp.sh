#!/bin/sh
# Installs sharp for `make bench`: `bench_sharp.sh DIR`. Without Node.js it is left out, and said so.
set -eu
dir=$1 version=0.35.5

mkdir -p "$dir"
if ! command -v npm >/dev/null 2>&1; then
    echo "npm is missing: sharp is not measured" >&2
    exit 0
fi
[ -d "$dir/node_modules/sharp" ] && exit 0
npm install --silent --no-audit --no-fund --prefix "$dir" "sharp@$version"
