#!/bin/sh
# Makes a Python environment: `venv.sh DIR REQUIREMENTS`. Does nothing if it is there as required.
set -eu
dir=$1 requirements=$2

cmp -s "$requirements" "$dir/requirements.txt" && exit 0
if ! python3 -m venv "$dir" 2>/dev/null; then
    # Debian ships venv apart from Python.
    rm -rf "$dir"
    sh "$(dirname "$0")/setup.sh" python3-venv
    python3 -m venv "$dir"
fi
"$dir/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
# Last, so that what was interrupted is done again.
cp "$requirements" "$dir/requirements.txt"
