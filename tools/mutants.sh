#!/bin/sh
# Whether the tests notice what they are there for: applies each patch of tools/mutants to a copy of
# the tree and runs the tests that each of its lines `Tests:` names, all of which have to fail. A
# mutant that survives one, does not build, or does not apply any more is a failure of this. What the
# simulation notices is told with the seed; its tests try the first 200. Everything is built as `make
# test` builds it, so that most of it is there.
#
# The copy keeps its place from run to run, so that only what a mutant touches is built again.
# `tools/mutants.sh NAME…` tries these only.
set -eu
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
source=$PWD
work=$CARGO_TARGET_DIR/mutants
tree=$work/tree
if [ $# -eq 0 ]; then
    set -- $(cd tools/mutants && ls ./*.patch | sed 's,.*/,,; s,\.patch$,,')
fi

rm -rf "$tree"
mkdir -p "$tree"
git ls-files -z | xargs -0 cp -p --parents -t "$tree"
cd "$tree"
# What a run that was broken off has left built is older than this, whatever it was built of.
sed -n 's,^+++ b/,,p' "$source"/tools/mutants/*.patch | sort -u | xargs touch
# A repository of its own, or git would leave out what is below an ignored directory.
git init --quiet .

of() { sed -n "s/^$1: //p" "$source/tools/mutants/$2.patch"; }

# Runs tests and keeps what they say; 0 if they succeed, 2 if they do not build.
try() {
    log=$work/$1.txt
    shift
    # The words of a `Tests:` line are arguments.
    set -- --workspace --features pixmill/otel --locked --quiet "$@"
    $cargo test --no-run "$@" > "$log" 2>&1 || return 2
    timeout 900 $cargo test "$@" >> "$log" 2>&1 || return 1
}

failed=0
verdict() {
    printf '%-22s %-13s %s\n' "$1" "$2" "$3"
    case $2 in killed | sound) ;; *) failed=1 ;; esac
}

# What fails without a mutant says nothing about one.
for mutant in "$@"; do of Tests "$mutant"; done | sort -u > "$work/tests.txt"
number=0
while read -r tests; do
    number=$((number + 1))
    if try "unchanged-$number" $tests < /dev/null; then
        verdict "(unchanged)" sound "$tests"
    else
        verdict "(unchanged)" "fails" "$tests, see $log"
    fi
done < "$work/tests.txt"

for mutant in "$@"; do
    patch=$source/tools/mutants/$mutant.patch
    if ! git apply --check "$patch" 2> "$work/$mutant.txt"; then
        verdict "$mutant" "does not apply" "see $work/$mutant.txt"
        continue
    fi
    git apply "$patch"
    of Tests "$mutant" > "$work/tests.txt"
    number=0
    while read -r tests; do
        number=$((number + 1))
        status=0
        try "$mutant-$number" $tests < /dev/null || status=$?
        by=$(sed -n 's/.*\(seed [0-9]*\):.*/ (\1)/p' "$log" | head -n 1)
        case $status in
            0) verdict "$mutant" survives "$tests: $(of What "$mutant")" ;;
            1) verdict "$mutant" killed "$(of What "$mutant")$by" ;;
            *) verdict "$mutant" "does not build" "see $log" ;;
        esac
    done < "$work/tests.txt"
    git apply -R "$patch"
done
exit "$failed"
