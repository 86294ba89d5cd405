#!/bin/sh
# Installs what the build needs and the machine lacks: cmake and nasm, for libjpeg-turbo. Packages
# that are named are installed besides.
# Where packages may not be installed, prints the exact command instead.
set -eu

missing=${*:+ $*}
for tool in cmake nasm; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
command -v cc >/dev/null 2>&1 || missing="$missing build-essential"

if ! command -v cargo >/dev/null 2>&1; then
    echo "cargo is missing: install Rust by rustup, https://rustup.rs" >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    install="apt-get update && apt-get install -y$missing"
    if [ "$(id -u)" -eq 0 ]; then
        echo "installing$missing"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >/dev/null
        exit 0
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        echo "installing$missing"
        { sudo -n apt-get update -qq && sudo -n apt-get install -y -qq $missing; } >/dev/null
        exit 0
    fi
    echo "missing:$missing. Install them with: sudo sh -c '$install'" >&2
elif command -v brew >/dev/null 2>&1; then
    echo "missing:$missing. Install them with: brew install$missing" >&2
else
    echo "missing:$missing. Install them with your system's package manager." >&2
fi
exit 1
