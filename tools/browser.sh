#!/bin/sh
# Installs what the console is tested with: a browser with its driver, by apt where it may, and the
# checker of accessibility, axe-core, by npm into DIR: `browser.sh DIR`. Where npm is missing, it
# comes with a wheel of Node.js.
set -eu
dir=$1 version=4.14.1
sha512=FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==
tools=$(dirname "$0")

command -v chromedriver >/dev/null 2>&1 || sh "$tools/setup.sh" chromium chromium-driver
[ -f "$dir/axe-core-$version/axe.min.js" ] && exit 0
mkdir -p "$dir"
if ! command -v npm >/dev/null 2>&1; then
    sh "$tools/venv.sh" "$dir/node" "$tools/../tests/node.txt"
    PATH=$(cd "$dir/node/bin" && pwd):$PATH
fi
npm pack --silent --pack-destination "$dir" "axe-core@$version" >/dev/null
archive=$dir/axe-core-$version.tgz
python3 - "$archive" "$sha512" <<'CHECK'
import base64, hashlib, sys
found = base64.b64encode(hashlib.sha512(open(sys.argv[1], "rb").read()).digest()).decode()
sys.exit(None if found == sys.argv[2] else f"{sys.argv[1]} is not what it was: {found}")
CHECK
rm -rf "$dir/package"
tar -xzf "$archive" -C "$dir" package/axe.min.js package/LICENSE
mv "$dir/package" "$dir/axe-core-$version"
rm "$archive"
