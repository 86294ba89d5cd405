#!/bin/sh
# What happens when everything goes wrong: simulated pipelines, hostile input, damaged pictures through
# the real program, memory over a long life. Needs nothing but cargo and Python. What was measured is
# written to benches/FAULTS.md, below the line that says so; what was found and mended is written
# above it by people.
#
# SEEDS, FUZZ_SECONDS (a target), FILES and PICTURES say how much. PROFILE=dev spares the release
# build: pixels are optimised there too, the rest is five times slower.
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

### A long life

\`cargo run --profile $profile -p pixmill-fuzz -- life $pictures\`, two threads in one process, pictures of every format and size:

\`\`\`
$(cat "$work/life.txt")
\`\`\`
END
echo "written: $report"
