#!/bin/sh
# Fuzzes, each target for so many seconds, and adds what came of it to benches/fuzz.tsv: the date, the
# commit, the target, seconds of a core, inputs, and how many of them broke a promise. So hours come
# together from many runs, of `make faults` or of this alone: tools/fuzz.sh PIXMILL-FUZZ SECONDS [TARGET…]
#
# tools/fuzz.sh sums: what has come together, as a table.
set -eu
cd "$(dirname "$0")/.."
ledger=benches/fuzz.tsv

if [ "$1" = sums ]; then
    echo '| Target | Hours of a core | Inputs | Found | Last at | On |'
    echo '|---|---|---|---|---|---|'
    awk -F '\t' '
        !($3 in seconds) { order[++targets] = $3 }
        { seconds[$3] += $4; inputs[$3] += $5; found[$3] += $6; commit[$3] = $2; date[$3] = $1 }
        END {
            for (n = 1; n <= targets; n++) {
                t = order[n]
                printf "| %s | %.2f | %.1f million | %d | %s | %s |\n", t, seconds[t] / 3600, inputs[t] / 1e6, found[t], commit[t], date[t]
            }
        }' "$ledger"
    exit
fi

fuzz=$1 seconds=$2
shift 2
[ $# -gt 0 ] || set -- jpeg png webp gif bmp tiff recipe message operation encoding
verdict=0
for target in "$@"; do
    said=$("$fuzz" "$target" "$seconds") || verdict=1
    echo "$said"
    echo "$said" | awk -v date="$(date -u +%Y-%m-%d)" -v commit="$(git rev-parse --short HEAD)" '
        $3 == "inputs" { printf "%s\t%s\t%s\t%d\t%d\t%d\n", date, commit, $1, $5, $2, $10 }' >> "$ledger"
done
exit "$verdict"
