#!/bin/sh
# How much the HTTP API takes: small pictures posted to /v1/jobs by wrk, as fast as they are accepted.
# Needs target/release/pixmill and wrk (`make bench-api` sees to both). What was measured is written to
# benches/API.md.
set -eu
cd "$(dirname "$0")/.."

pixmill=$PWD/target/release/pixmill
work=target/bench-api
seconds=${SECONDS_EACH:-10}
report=${REPORT:-benches/API.md}

[ -x "$pixmill" ] || { echo "build it first: cargo build --release --no-default-features" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
. tools/campaigns.sh

"$pixmill" run samples/photos/harbour.jpg --recipe 'small = resize:160 -> jpeg; large = resize:1600 -> jpeg:q=90' \
    --out "$work/pictures" >/dev/null
small=$work/pictures/harbour-small.jpg
large=$work/pictures/harbour-large.jpg

server='' worker=''
stop() {
    for process in $server $worker; do kill "$process" 2>/dev/null || true; done
    wait
    server='' worker=''
}
trap stop EXIT

# Starts a server in a directory of its own, and a consumer beside it if one is asked for.
start() {
    "$pixmill" producer --data "$work/$1" --listen 127.0.0.1:0 > "$work/$1.said" 2> "$work/$1.log" &
    server=$!
    [ "$2" = alone ] || { "$pixmill" consumer --data "$work/$1" 2> "$work/$1.worker.log" & worker=$!; }
    until api=$(sed -n 's/^Serving at //p' "$work/$1.said") && [ -n "$api" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$work/$1.log" >&2; exit 1; }
        sleep 0.1
    done
}

memory() { awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status"; }

# One row: `row NAME CONNECTIONS PICTURE alone|beside`.
row() {
    start "$1" "$4"
    said=$(PICTURE=$3 wrk -t 1 -c "$2" -d "${seconds}s" --timeout 30s -s tools/bench_api.lua "$api" | grep '^|')
    size=$([ -n "$3" ] && wc -c < "$3" || echo 0)
    echo "| $2 | $size | $4 $said $(memory) |" | sed 's/| |/|/'
    stop
    rm -rf "${work:?}/$1"
}
# Without a picture: the same server, asked for nothing.
health() {
    start health alone
    said=$(wrk -t 1 -c "$1" -d "${seconds}s" --timeout 30s -s tools/bench_api.lua "$api" | grep '^|')
    echo "| $1 | GET /health | alone $said $(memory) |" | sed 's/| |/|/'
    stop
}

rows=$work/rows
{
    health 16
    row one 1 "$small" alone
    row few 8 "$small" alone
    row many 32 "$small" alone
    row more 128 "$small" alone
    row beside 8 "$small" beside
    row large 8 "$large" alone
} | tee "$rows"

{
    cat <<END
# The HTTP API under load

How many pictures a second \`POST /v1/jobs\` accepts, one picture a request: each is in the store and in the queue when it
is answered with 202. Written by \`make bench-api\` (tools/bench_api.sh), which makes everything that it needs.

$(conditions)
| Load | $(wrk -v 2>&1 | sed -n '1s/ Copyright.*//p'), one thread, on the same cores, ${seconds} s a row |

| Connections | Bytes a picture | Consumer | Accepted/s | p50 ms | p99 ms | max ms | Refused | Broken | MB |
|---|---|---|---|---|---|---|---|---|---|
$(cat "$rows")

*Refused* are answers with another status: the server takes 32 uploads at a time and tells more of them to come again
(503 \`busy\`). *Broken* are connections that ended without an
answer, as when one is refused that has not sent everything yet. *MB* is the most memory that the server has had. With a
consumer *beside* it the same cores grind what is accepted. The load and the server share the cores, and the machine may
have had other work: figures of one row count against those of the others, first of all against \`GET /health\`, which does
nothing at all.
END
} > "$report"
echo "written: $report"
