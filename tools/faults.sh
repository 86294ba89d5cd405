#!/bin/sh
# What happens when everything goes wrong: simulated pipelines, hostile input, damaged pictures through
# the real program, memory over a long life, real processes under fire on one machine and on several
# hosts. Needs cargo, Python, and for the hosts root and the environment of the tests. What was measured
# is written to benches/FAULTS.md, below the line that says so; what was found and mended is written
# above it by people.
#
# SEEDS, FUZZ_SECONDS (a target), FILES, PICTURES, FIRE_SECONDS (roles, runs and hosts each) and STORM_JOBS
# say how much. PROFILE=dev spares the release build: pixels are optimised there too, the rest is five
# times slower. BUILT names the directory of the programs, if they are built.
#
# `tools/faults.sh PART…` runs these parts only: simulation, fuzz, hostile, life, roles, runs, hosts,
# storm. Of the others the report keeps what their last run on this machine said.
set -eu
cd "$(dirname "$0")/.."

profile=${PROFILE:-release}
built=${BUILT:-${CARGO_TARGET_DIR:-target}/$(echo "$profile" | sed 's/^dev$/debug/')}
pixmill=$built/pixmill
work=target/faults
seeds=${SEEDS:-20000}
fuzz_seconds=${FUZZ_SECONDS:-20}
files=${FILES:-20000}
pictures=${PICTURES:-10000}
fire_seconds=${FIRE_SECONDS:-150}
storm_jobs=${STORM_JOBS:-200}
report=benches/FAULTS.md
marker='<!-- What follows is written by `make faults` (tools/faults.sh). -->'

[ -x "$pixmill" ] || { echo "build it first: cargo build --profile $profile" >&2; exit 1; }
grep -qxF "$marker" "$report" || { echo "$report has lost the line: $marker" >&2; exit 1; }
[ -n "${BUILT:-}" ] || cargo build --profile "$profile" --quiet --locked --workspace --bins
if [ $# -eq 0 ]; then
    rm -rf "$work"
    set -- simulation fuzz hostile life roles runs hosts storm
fi
parts=" $* "
mkdir -p "$work"
. tools/campaigns.sh

# Runs a part, if it is wanted, and keeps how: TITLE NAME COMMAND…
part() {
    title=$1 name=$2
    shift 2
    case $parts in *" $name "*) ;; *) return 0 ;; esac
    campaign "$name" "$@"
    how=$(echo "$*" | sed "s,$built/,,; s,target/faults,WORK,g")
    printf '### %s\n\n`%s`, at commit %s:\n' "$title" "$how" "$(git rev-parse --short HEAD)" > "$work/$name.title"
}
hostile() {
    "$fuzz" files "$1" "$work/hostile" > /dev/null
    python3 tools/soak_hostile.py "$pixmill" "$work/hostile" "$work"
}
storm() {
    said=$(env PIXMILL_SOAK_STORM="$1" cargo test --workspace --features pixmill/otel --profile "$profile" \
        --quiet --locked --test all -- --exact aws::storm::a_storm_costs_nothing_but_time --nocapture 2>&1) ||
        { echo "$said"; return 1; }
    echo "$said" | grep ' jobs, requests'
}

sim=$built/pixmill-sim
fuzz=$built/pixmill-fuzz
first=${FIRST_SEED:-0}
part "Simulated pipelines" simulation "$sim" "$first..$((first + seeds))"
part "Hostile input" fuzz sh tools/fuzz.sh "$fuzz" "$fuzz_seconds"
part "Damaged pictures through the real program" hostile hostile "$files"
part "A long life: two threads in one process, pictures of every format and size" life "$fuzz" life "$pictures"
part "Roles under fire" roles python3 tools/faults_roles.py "$pixmill" "$work" "$fire_seconds"
part "Runs in a world that breaks" runs python3 tools/faults_run.py "$pixmill" "$work" "$fire_seconds"
if [ "$(id -u)" = 0 ] && [ -x target/venv/bin/ministack ]; then
    part "Several hosts with partitions" hosts python3 tools/faults_hosts.py "$pixmill" target/venv "$work" "$fire_seconds"
else
    echo "left out: namespaces need root, and the emulator is installed by make venv"
fi
part "S3 and SQS in a storm" storm storm "$storm_jobs"

{
    awk -v marker="$marker" '{ print } $0 == marker { exit }' "$report"
    printf '\n## The last campaign\n\n'
    conditions
    for name in simulation fuzz hostile life roles runs hosts storm; do
        if [ -e "$work/$name.title" ]; then
            printf '\n%s\n\n```\n%s\n```\n' "$(cat "$work/$name.title")" "$(cat "$work/$name.txt")"
        fi
    done
    printf '\n### Hours of fuzzing, over all campaigns (`benches/fuzz.tsv`)\n\n'
    sh tools/fuzz.sh sums
} > "$work/report.md"
cp "$work/report.md" "$report"
echo "written: $report"
