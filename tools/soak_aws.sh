#!/bin/sh
# The full-size campaigns on S3 and SQS, which the emulator of the tests stands for.
# Needs target/release/pixmill and target/venv (`make soak` makes both). What was measured is
# written to benches/AWS.md, below the line that says so.
set -eu
cd "$(dirname "$0")/.."

pixmill=target/release/pixmill
work=target/soak-aws
jobs=${JOBS:-10000}
killed=${KILLED_JOBS:-2000}
outage=${OUTAGE_SECONDS:-60}
report=benches/AWS.md
marker='<!-- What follows is written by `make soak` (tools/soak_aws.sh). -->'

[ -x "$pixmill" ] || { echo "build it first: cargo build --release" >&2; exit 1; }
grep -qxF "$marker" "$report" || { echo "$report has lost the line: $marker" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
. tools/campaigns.sh

# One of the everyday tests, at the size that the first argument sets.
full_size() {
    env "$1" cargo test --release --quiet --locked --test all -- \
        --exact "aws::$2" --nocapture --test-threads 1
}
campaign many full_size PIXMILL_SOAK_JOBS="$jobs" \
    campaign::many_jobs_cost_few_requests_and_little_memory
campaign kill full_size PIXMILL_SOAK_JOBS="$killed" \
    campaign::constant_killing_and_duplicates_lose_nothing_and_show_one_result_a_job
campaign outage full_size PIXMILL_SOAK_OUTAGE_SECONDS="$outage" \
    outage::an_outage_in_the_middle_of_a_batch_costs_nothing_but_time
campaign far cargo run --release --quiet --locked -p pixmill-consumer --example far_away

said() { grep -h ' jobs \| outage' "$work/$1.txt" | grep -v '^running'; }
kept=$(awk -v marker="$marker" '{ print } $0 == marker { exit }' "$report")
cat > "$report" <<END
$kept

## How it holds

$(conditions)

S3 and SQS are the emulator that the tests use, on the same cores as everything else: the rates are no promise for AWS,
the requests, the memory and the ends are.

\`PIXMILL_SOAK_JOBS=$jobs cargo test --release --test all -- aws::campaign::many --nocapture\`, two slots:

\`\`\`
$(said many)
\`\`\`

\`PIXMILL_SOAK_JOBS=$killed cargo test --release --test all -- aws::campaign::constant --nocapture\`: two consumers, one
of them killed by SIGKILL every second, every fourth request that sends messages repeated:

\`\`\`
$(said kill)
\`\`\`

\`PIXMILL_SOAK_OUTAGE_SECONDS=$outage cargo test --release --test all -- aws::outage::an_outage --nocapture\`: nobody
answers for $outage seconds in the middle of a batch:

\`\`\`
$(said outage)
\`\`\`

## A queue and a store that are far away

How busy the threads of a consumer are when every call to the store and the queue takes 50 ms longer, and a delete a
second, by how much it holds beyond its slots (40 on AWS):
\`cargo run --release -p pixmill-consumer --example far_away\`

\`\`\`
$(cat "$work/far.txt")
\`\`\`
END
echo "written: $report"
