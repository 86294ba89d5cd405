-- What wrk sends and counts, for tools/bench_api.sh. PICTURE is a file that is sent as a job each time;
-- without it the server is asked for nothing but whether it is there.
local path = os.getenv("PICTURE")
if path then
    local file = assert(io.open(path, "rb"))
    wrk.method = "POST"
    wrk.path = "/v1/jobs?recipe=resize:64"
    wrk.headers["Content-Type"] = "image/jpeg"
    wrk.body = file:read("*a")
    file:close()
else
    wrk.path = "/health"
end

-- One line of a table: answers a second that were what was asked for, then milliseconds.
function done(summary, latency, requests)
    local refused = summary.errors.status
    local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    local good = (summary.requests - refused) / (summary.duration / 1e6)
    io.write(string.format("| %.0f | %.1f | %.1f | %.1f | %d | %d |\n", good, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, latency.max / 1e3, refused, broken))
end
