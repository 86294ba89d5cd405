# What the soak scripts share; `work` is where they keep things, `pixmill` is the program.

# Runs a campaign by its name, shows what it prints, keeps it, and ends if it fails.
campaign() {
    kept=$work/$1.txt
    shift
    { "$@" 2>&1 && echo ok > "$work/verdict" || echo failed > "$work/verdict"; } | tee "$kept"
    [ "$(cat "$work/verdict")" = ok ] || { echo "failed: $*" >&2; exit 1; }
}

fact() { awk -F ': *' -v name="$1" '$1 ~ name { print $2; exit }' "$2"; }

# A table of what it was measured on.
conditions() {
    cat <<END
| | |
|---|---|
| Machine | $(fact 'model name' /proc/cpuinfo | tr -s ' '), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB |
| System | $(uname -s) $(uname -r) $(uname -m), files on $(stat -f -c %T "$work") |
| Built by | $(rustc --version) |
| pixmill | $("$pixmill" --version | cut -d ' ' -f 2), commit $(git rev-parse --short HEAD) |
| Date | $(date -u +%Y-%m-%d) |
END
}
