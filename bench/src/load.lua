-- What wrk posts: the bodies of a file, one after the other and over again, so that who knows how many were sent knows what
-- was sent. Arguments: the file (for each body its length, a line feed, and the body), the path, the content type, and the
-- microseconds from one request to the next, over all connections (0: as fast as answers come).
local ffi = require("ffi")
ffi.cdef("struct moment { long s; long us; }; int gettimeofday(struct moment *at, void *zone);")

local threads = {}

local function now_us()
    local now = ffi.new("struct moment")
    ffi.C.gettimeofday(now, nil)
    return tonumber(now.s) * 1000000 + tonumber(now.us)
end

function setup(thread)
    table.insert(threads, thread)
end

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    local all = file:read("*a")
    file:close()
    requests, at = {}, 1
    while at <= #all do
        local line_end = all:find("\n", at, true)
        local length = tonumber(all:sub(at, line_end - 1))
        local body = all:sub(line_end + 1, line_end + length)
        requests[#requests + 1] = wrk.format("POST", arguments[2], { ["Content-Type"] = arguments[3] }, body)
        at = line_end + length + 1
    end
    count = #requests
    -- wrk asks for one request that it does not send, to see what requests look like.
    sent = -1
    local interval_us = tonumber(arguments[4])
    if interval_us > 0 then
        local due_us = now_us()
        -- Each request has its moment, whenever the one before was answered: an open loop, as long as a connection is free.
        -- wrk waits for whole milliseconds; what one is early or late, the next are not.
        function delay()
            due_us = due_us + interval_us
            return math.max(0, math.floor((due_us - now_us()) / 1000))
        end
    end
end

function request()
    local index = sent % count
    sent = sent + 1
    return requests[index + 1]
end

function done(summary, latency, _)
    local ended_us = now_us()
    local all_sent = 0
    for _, thread in ipairs(threads) do
        all_sent = all_sent + thread:get("sent")
    end
    local errors = summary.errors
    io.write(string.format(
        'LOAD {"sent":%d,"answered":%d,"duration_us":%d,"end_us":%d,"refused":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n',
        all_sent, summary.requests, summary.duration, ended_us, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
