-- What wrk sends and counts. REQUESTS is a directory of bodies, 1, 2, …, that are sent in turn to the
-- path of TARGET; the first line of each is the value of its Content-Type. Without it the server is
-- asked for TARGET alone.
local directory, target = os.getenv("REQUESTS"), os.getenv("TARGET")
local made, turn = {}, 0

function init()
    local n = 1
    while directory do
        local file = io.open(directory .. "/" .. n, "rb")
        if not file then break end
        local headers = { ["Content-Type"] = file:read("*l") }
        made[n] = wrk.format("POST", target, headers, file:read("*a"))
        file:close()
        n = n + 1
    end
    if not directory then made[1] = wrk.format("GET", target) end
end

function request()
    turn = turn % #made + 1
    return made[turn]
end

-- Answers that were what was asked for, seconds, milliseconds of half, of 99 of 100 and of the
-- longest, refusals, and connections that ended without an answer.
function done(summary, latency)
    local refused = summary.errors.status
    local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    io.write(string.format("counted: %d %.6f %.3f %.3f %.3f %d %d\n", summary.requests - refused,
        summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        latency.max / 1e3, refused, broken))
end
