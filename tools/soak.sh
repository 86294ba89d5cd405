#!/bin/sh
# The full-size campaigns: photographs under kill -9, queue rates, what the queue costs.
# Needs target/release/pixmill (`make soak` builds it) and a network for pip, once.
# Everything is kept below target/soak; what was measured is written to benches/SPINE.md.
set -eu
cd "$(dirname "$0")/.."

pixmill=target/release/pixmill
bare_loop=target/release/examples/bare_loop
work=target/soak
venv=target/soak-venv
photos=${PHOTOS:-1000}
overhead=${OVERHEAD_PHOTOS:-500}
messages=${MESSAGES:-100000}
report=${REPORT:-benches/SPINE.md}

[ -x "$pixmill" ] || { echo "build it first: cargo build --release" >&2; exit 1; }
if ! "$venv/bin/python" -c 'import skimage, PIL' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check scikit-image pillow
fi
cargo build --release --quiet --locked -p pixmill-ops --example bare_loop
cargo build --release --quiet --locked -p pixmill-local --example queue_rates

rm -rf "$work"
mkdir -p "$work"
. tools/campaigns.sh
"$venv/bin/python" tools/soak_photos.py "$work/photos" "$photos"
"$venv/bin/python" tools/soak_photos.py "$work/photos-overhead" "$overhead"

campaign kill "$venv/bin/python" tools/soak_kill.py "$pixmill" "$work/photos" "$work"
campaign queue cargo run --release --quiet --locked -p pixmill-local --example queue_rates -- "$messages"
campaign idle cargo run --release --quiet --locked -p pixmill-local --example queue_rates -- idle
campaign pairs "$venv/bin/python" tools/soak_pairs.py "$pixmill" "$bare_loop" "$work/photos-overhead" "$work"

mkdir -p "$(dirname "$report")"
{
    cat <<END
# The spine, measured

How the queue, the store and the workers hold under \`kill -9\`, how fast the queue is, and what it costs to go through
it. Written by \`make soak\` (tools/soak.sh), which makes everything that it needs; measured anew with every run of it.

$(conditions)
| Photographs | scikit-image $("$venv/bin/python" -c 'import skimage; print(skimage.__version__)'), cut and scaled to 1,200–2,000 px, nine JPEG to one PNG |

## Photographs under kill -9

\`$photos\` photographs, two outputs each, once undisturbed and once with a random worker killed by SIGKILL every second and
the parent three times: \`python tools/soak_kill.py target/release/pixmill target/soak/photos target/soak\`

\`\`\`
$(cat "$work/kill.txt")
\`\`\`

## The queue

\`cargo run --release -p pixmill-local --example queue_rates -- $messages\`

\`\`\`
$(cat "$work/queue.txt")
\`\`\`

\`cargo run --release -p pixmill-local --example queue_rates -- idle\`

\`\`\`
$(cat "$work/idle.txt")
\`\`\`

## What going through it costs

\`$overhead\` photographs by a bare loop over the kernels (\`core/ops/examples/bare_loop.rs\`) and through \`pixmill run\`, from
the start of the program to its end, on $(nproc) cores, alternating:
\`python tools/soak_pairs.py target/release/pixmill target/release/examples/bare_loop target/soak/photos-overhead target/soak\`

\`\`\`
$(cat "$work/pairs.txt")
\`\`\`

A ratio of 1 would be a queue that costs nothing.
END
} > "$report"
echo "written: $report"
