#!/bin/sh
# Installs what the console is tested with: a browser with its driver, by apt where it may, and the
# checker of accessibility, axe-core, from npm's registry into DIR: `browser.sh DIR`.
set -eu
dir=$1 version=4.14.1
sha512=FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==

command -v chromedriver >/dev/null 2>&1 || sh "$(dirname "$0")/setup.sh" chromium chromium-driver
[ -f "$dir/axe-core-$version/axe.min.js" ] && exit 0
mkdir -p "$dir"
archive=$dir/axe-core-$version.tgz
curl -sSfL "https://registry.npmjs.org/axe-core/-/axe-core-$version.tgz" -o "$archive"
python3 - "$archive" "$sha512" <<'CHECK'
import base64, hashlib, sys
found = base64.b64encode(hashlib.sha512(open(sys.argv[1], "rb").read()).digest()).decode()
sys.exit(None if found == sys.argv[2] else f"{sys.argv[1]} is not what it was: {found}")
CHECK
rm -rf "$dir/package"
tar -xzf "$archive" -C "$dir" package/axe.min.js package/LICENSE
mv "$dir/package" "$dir/axe-core-$version"
rm "$archive"
