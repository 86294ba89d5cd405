#!/bin/sh
# What happens when everything goes wrong: simulated pipelines, hostile input, damaged pictures through
# the real program, memory over a long life, real processes under fire on one machine and on several
# hosts. Needs cargo, Python, and for the hosts root and the environment of the tests. What was measured
# is written to benches/FAULTS.md, below the line that says so; what was found and mended is written
# above it by people.
#
# SEEDS, FUZZ_SECONDS (a target), FILES, PICTURES, FIRE_SECONDS (roles, runs and hosts each) and STORM_JOBS
# say how much. PROFILE=dev spares the release build: pixels are optimised there too, the rest is five
# times slower.
set -eu
cd "$(dirname "$0")/.."

profile=${PROFILE:-release}
built=${CARGO_TARGET_DIR:-target}/$(echo "$profile" | sed 's/^dev$/debug/')
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
cargo build --profile "$profile" --quiet --locked -p pixmill-sim
cargo build --profile "$profile" --quiet --locked -p pixmill-fuzz
rm -rf "$work"
mkdir -p "$work"
. tools/campaigns.sh

sim=$built/pixmill-sim
fuzz=$built/pixmill-fuzz
first=${FIRST_SEED:-0}
campaign simulation "$sim" "$first..$((first + seeds))"
campaign fuzz "$fuzz" all "$fuzz_seconds"
"$fuzz" files "$files" "$work/hostile" > /dev/null
campaign hostile python3 tools/soak_hostile.py "$pixmill" "$work/hostile" "$work"
campaign life "$fuzz" life "$pictures"
campaign roles python3 tools/faults_roles.py "$pixmill" "$work" "$fire_seconds"
campaign runs python3 tools/faults_run.py "$pixmill" "$work" "$fire_seconds"
if [ "$(id -u)" = 0 ] && [ -x target/venv/bin/ministack ]; then
    campaign hosts python3 tools/faults_hosts.py "$pixmill" target/venv "$work" "$fire_seconds"
else
    echo "left out: namespaces need root, and the emulator is installed by make venv" | tee "$work/hosts.txt"
fi
storm() {
    env PIXMILL_SOAK_STORM="$storm_jobs" cargo test --profile "$profile" --quiet --locked --test all -- \
        --exact aws::storm::a_storm_costs_nothing_but_time --nocapture
}
campaign storm storm

kept=$(awk -v marker="$marker" '{ print } $0 == marker { exit }' "$report")
cat > "$report" <<END
$kept

## The last campaign

$(conditions)

### Simulated pipelines

\`cargo run --profile $profile -p pixmill-sim -- $first..$((first + seeds))\`: no promise was broken in any of them. What happened:

\`\`\`
$(cat "$work/simulation.txt")
\`\`\`

### Hostile input

\`cargo run --profile $profile -p pixmill-fuzz -- all $fuzz_seconds\`:

\`\`\`
$(cat "$work/fuzz.txt")
\`\`\`

### Damaged pictures through the real program

\`pixmill-fuzz files $files DIR\`, then \`python3 tools/soak_hostile.py pixmill DIR WORK\`:

\`\`\`
$(cat "$work/hostile.txt")
\`\`\`

### Roles under fire

\`python3 tools/faults_roles.py pixmill WORK $fire_seconds SEED\`:

\`\`\`
$(cat "$work/roles.txt")
\`\`\`

### Runs in a world that breaks

\`python3 tools/faults_run.py pixmill WORK $fire_seconds SEED\`:

\`\`\`
$(cat "$work/runs.txt")
\`\`\`

### Several hosts with partitions

\`python3 tools/faults_hosts.py pixmill target/venv WORK $fire_seconds SEED\`:

\`\`\`
$(cat "$work/hosts.txt")
\`\`\`

### S3 and SQS in a storm

\`PIXMILL_SOAK_STORM=$storm_jobs cargo test --profile $profile --test all -- aws::storm --nocapture\`:

\`\`\`
$(grep ' jobs, requests' "$work/storm.txt")
\`\`\`

### A long life

\`cargo run --profile $profile -p pixmill-fuzz -- life $pictures\`, two threads in one process, pictures of every format and size:

\`\`\`
$(cat "$work/life.txt")
\`\`\`
END
echo "written: $report"
