-- Appends requests to shards, each shard atomically and each request once. All requests of a call share one round trip, one
-- fsync, and what a call costs whatever it carries.
--
-- KEYS  the stream of each shard; the shard's other keys are its name with an ending, and so have the same hash tag
-- ARGV  1 backlog limit in events, 2 backlog limit in bytes, 3 limit of the clients' ids in bytes (each of one shard),
--       4 window of the clients' ids in ms, 5 for how long an outcome is kept at least in ms,
--       6 sender (8 bytes), 7 the call's number: higher than that of any call of this sender that was given up or answered;
--       then for each shard the number of its requests, and
--       3 for each request: what its envelope begins with (30 bytes: request id, kind (1 events, 2 votes, 3 ask only), format,
--       received_ms, number of events), hash of the client's body (8 bytes; empty: the id is our own), payload
-- Reply first the answers, packed, 29 bytes for each request: code (1 byte), epoch, seq, received_ms (8 each), events (4); an
--       empty text if a later call of the sender came before: then nothing was done, and what this one did is not known
--       0 accepted · 1 duplicate (position, time and count are the first one's) · 2 asked, and the id is new
--       3 the id was used with another body · 4 backlog (events and bytes of it stand in epoch and seq)
--       5 the ids' limit · 6 the shard has no log · 7 unknown: the shard failed
--       then for each shard that failed what Redis said of it
-- Error all shards failed, or there was but one
--
-- Redis undoes nothing when a script fails, so all of a shard that can fail comes before its first write, and the call's first
-- write is one that Redis refuses when it is out of memory, read-only, or cannot persist.

local REQUEST_ARGS = 3
local limit_events, limit_bytes, limit_ids = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window_ms, kept_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local sender, call_number = ARGV[6], tonumber(ARGV[7])

-- A window is this many buckets; with the one being filled, one more is asked.
local BUCKETS = 4
-- What an id costs, and a part of a bucket on top: measured (docs/adr/0005-shards-and-request-ids.md). Beyond as many ids
-- as a listpack holds Redis turns the part into a hash table, which takes twice as much for each.
local ID_BYTES, PART_BYTES, PART_IDS_MAX, PARTS = 64, 160, 512, 1024
-- The outcomes' buckets are wide, so that mostly one is asked.
local OUTCOMES_WIDTH_MS = 32 * kept_ms

local ACCEPTED, DUPLICATE, NEW, REUSED, BACKLOG, IDS_FULL, NOT_OPEN, UNKNOWN = 0, 1, 2, 3, 4, 5, 6, 7

-- Whole numbers up to 2^53.
local function text(number) return string.format('%d', number) end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- A master's replication id is new each time it starts or is promoted, so it tells incarnations apart; the whole name is asked
-- for only when it differs.
local function hex_after(name, info)
  local _, stop = string.find(info, name, 1, true)
  return string.match(info, '^%x+', stop + 1)
end
local replid = hex_after('master_replid:', redis.call('INFO', 'replication'))

local answers, failures = {}, {}
-- Whether anything was written that a repetition must not write again.
local has_effect = false

local function answer(code, a, b, received_ms, count)
  answers[#answers + 1] = struct.pack('>BI8I8i8I4', code, a, b, received_ms, count)
end

local function answer_all(count, code)
  for _ = 1, count do answer(code, 0, 0, 0, 0) end
end

-- What is known of a shard, or nil if it was never opened.
local function known(stream)
  local meta = stream .. ':meta'
  local epoch, inc, entries, events, bytes, applied_events, applied_bytes = unpack(redis.call('HMGET', meta, 'epoch', 'inc',
    'entries', 'events', 'bytes', 'applied_events', 'applied_bytes'))
  if not epoch then return nil end
  return { stream = stream, meta = meta, epoch = tonumber(epoch), inc = inc, entries = tonumber(entries),
    events = tonumber(events), bytes = tonumber(bytes), applied_events = tonumber(applied_events),
    applied_bytes = tonumber(applied_bytes), charged = 0, duplicates = 0 }
end

-- Adds one entry; the totals of its envelope include it. Nothing, if there is no stream: then nothing was written to the
-- shard yet.
local function add(shard, head, count, payload)
  -- 62 is the length of the envelope.
  shard.entries, shard.events, shard.bytes = shard.entries + 1, shard.events + count, shard.bytes + 62 + #payload
  local envelope = head .. struct.pack('>I8I8I8I8', shard.entries, shard.events, shard.bytes, now_ms)
  local made = redis.call('XADD', shard.stream, 'NOMKSTREAM', text(shard.epoch) .. '-*', 'h', envelope, 'p', payload)
  if not made then return nil end
  local dash = string.find(made, '-', 1, true)
  return tonumber(string.sub(made, 1, dash - 1)), tonumber(string.sub(made, dash + 1))
end

-- Redis started anew, or another node took over: a new epoch begins, and its header chains to the last id.
local function open_epoch(shard)
  if redis.call('EXISTS', shard.stream) == 0 then return end
  local incarnation = hex_after('run_id:', redis.call('INFO', 'server')) .. ':' .. replid
  local details = redis.call('XINFO', 'STREAM', shard.stream)
  local last
  for i = 1, #details, 2 do
    if details[i] == 'last-generated-id' then last = details[i + 1] end
  end
  local last_epoch, last_seq = string.match(last, '^(%d+)-(%d+)$')
  local cluster_id = redis.call('HGET', shard.meta, 'cluster_id')
  local header = struct.pack('>I8I8I8I8I8I2', tonumber(last_epoch), tonumber(last_seq), shard.entries, shard.events,
    shard.bytes, #incarnation) .. incarnation .. struct.pack('>I2', #cluster_id) .. cluster_id
  shard.epoch = math.max(shard.epoch + 1, tonumber(last_epoch) + 1, now_ms)
  add(shard, string.rep('\0', 30), 0, header)
  redis.call('HSET', shard.meta, 'epoch', text(shard.epoch), 'inc', incarnation, 'entries', text(shard.entries), 'bytes',
    text(shard.bytes))
end

-- The buckets in which an id may stand: those of the window and, for as long as they count, those of a window that was set
-- before. A bucket's name has its width, so buckets of two windows never meet.
local function add_buckets(shard, width_ms)
  local current = math.floor(now_ms / width_ms)
  for bucket = current, current - BUCKETS, -1 do
    shard.buckets[#shard.buckets + 1] = shard.stream .. ':ids:' .. text(width_ms) .. ':' .. text(bucket)
  end
end

local function find_buckets(shard)
  local width_ms = math.ceil(window_ms / BUCKETS)
  shard.buckets = {}
  shard.expire_ms = (math.floor(now_ms / width_ms) + BUCKETS + 2) * width_ms
  add_buckets(shard, width_ms)
  local window, before_ms, before_until = unpack(redis.call('HMGET', shard.meta, 'window', 'window_before',
    'window_before_until'))
  before_ms, before_until = tonumber(before_ms or '0'), tonumber(before_until or '0')
  if window and tonumber(window) ~= window_ms then
    before_ms, before_until = tonumber(window), now_ms + 2 * tonumber(window)
    redis.call('HSET', shard.meta, 'window_before', text(before_ms), 'window_before_until', text(before_until))
  end
  if window ~= text(window_ms) then redis.call('HSET', shard.meta, 'window', text(window_ms)) end
  if before_ms > 0 and before_ms ~= window_ms and now_ms < before_until then
    add_buckets(shard, math.ceil(before_ms / BUCKETS))
  end
end

local function part_of(bucket, id)
  local a, b = string.byte(id, 15, 16)
  return bucket .. ':' .. text((a * 256 + b) % PARTS)
end

-- What was kept with a client's id, or nil.
local function seen(shard, id)
  if not shard.buckets then find_buckets(shard) end
  for _, bucket in ipairs(shard.buckets) do
    local kept = redis.call('HGET', part_of(bucket, id), id)
    -- 28 is the length of what stands before the hash.
    if kept and #kept >= 28 then
      local kept_epoch, kept_seq, received_ms, count, at = struct.unpack('>I8I8i8I4', kept)
      return { epoch = kept_epoch, seq = kept_seq, received_ms = received_ms, events = count,
        hash = string.sub(kept, at) }
    end
  end
end

-- Keeps a client's id with what is answered, and charges what that costs.
local function keep(shard, id, at_epoch, at_seq, received_ms, count, hash)
  local key = part_of(shard.buckets[1], id)
  redis.call('HSET', key, id, struct.pack('>I8I8i8I4', at_epoch, at_seq, received_ms, count) .. hash)
  local held = redis.call('HLEN', key)
  local cost = held > PART_IDS_MAX and 2 * ID_BYTES or ID_BYTES
  if held == 1 then
    redis.call('PEXPIREAT', key, text(shard.expire_ms))
    cost = ID_BYTES + PART_BYTES
  elseif held == PART_IDS_MAX + 1 then
    cost = ID_BYTES * (PART_IDS_MAX + 2)
  end
  shard.charged = shard.charged + cost
end

local function ids_are_full(shard)
  if not shard.ids_bytes then
    shard.ids_bytes = 0
    for _, bucket in ipairs(shard.buckets) do
      shard.ids_bytes = shard.ids_bytes + tonumber(redis.call('GET', bucket) or '0')
    end
  end
  return shard.ids_bytes + shard.charged >= limit_ids
end

local function append(shard, head, hash, payload)
  local kind, _, received_ms, count = struct.unpack('>BBi8I4', head, 17)
  local is_clients, id = hash ~= '', string.sub(head, 1, 16)
  local kept = is_clients and seen(shard, id)
  if kept then
    if kept.hash ~= hash then return answer(REUSED, 0, 0, 0, 0) end
    shard.duplicates, has_effect = shard.duplicates + kept.events, true
    return answer(DUPLICATE, kept.epoch, kept.seq, kept.received_ms, kept.events)
  end
  if kind == 3 then return answer(NEW, 0, 0, 0, 0) end
  local backlog_events = math.max(shard.events - shard.applied_events, 0)
  local backlog_bytes = math.max(shard.bytes - shard.applied_bytes, 0)
  if backlog_events >= limit_events or backlog_bytes >= limit_bytes then
    return answer(BACKLOG, backlog_events, backlog_bytes, 0, 0)
  end
  if is_clients and ids_are_full(shard) then return answer(IDS_FULL, 0, 0, 0, 0) end
  local at_epoch, at_seq = add(shard, head, count, payload)
  if not at_epoch then return answer(NOT_OPEN, 0, 0, 0, 0) end
  if is_clients then keep(shard, id, at_epoch, at_seq, received_ms, count, hash) end
  shard.is_changed, has_effect = true, true
  answer(ACCEPTED, at_epoch, at_seq, received_ms, count)
end

local function append_to(stream, first, count)
  local shard = known(stream)
  if not shard then return answer_all(count, NOT_OPEN) end
  if string.sub(shard.inc, -#replid) ~= replid then open_epoch(shard) end
  for i = first, first + (count - 1) * REQUEST_ARGS, REQUEST_ARGS do
    append(shard, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  end
  if shard.is_changed then
    redis.call('HSET', shard.meta, 'entries', text(shard.entries), 'events', text(shard.events), 'bytes', text(shard.bytes))
  end
  if shard.duplicates > 0 then redis.call('HINCRBY', shard.meta, 'duplicates', text(shard.duplicates)) end
  if shard.charged > 0 and redis.call('INCRBY', shard.buckets[1], text(shard.charged)) == shard.charged then
    redis.call('PEXPIREAT', shard.buckets[1], text(shard.expire_ms))
  end
end

-- All shards, one after the other; one that fails leaves the others alone.
local function append_all()
  local at = 8
  for _, stream in ipairs(KEYS) do
    local count, from = tonumber(ARGV[at]), #answers
    local done, failure = pcall(append_to, stream, at + 1, count)
    if not done then
      for i = #answers, from + 1, -1 do answers[i] = nil end
      answer_all(count, UNKNOWN)
      failures[#failures + 1] = type(failure) == 'table' and failure.err or tostring(failure)
    end
    at = at + 1 + count * REQUEST_ARGS
  end
end

-- A sender has one call under way, and repeats it until it is answered or given up; so the answers to its last one are all
-- that a repetition, or a copy that comes late, can ask for. They are kept beside the call's first shard: a copy has the same.
local function outcomes_key(bucket)
  return KEYS[1] .. ':outcomes:' .. text(OUTCOMES_WIDTH_MS) .. ':' .. text(bucket)
end

local bucket = math.floor(now_ms / OUTCOMES_WIDTH_MS)
local outcome = redis.call('HGET', outcomes_key(bucket), sender)
local is_known_here = outcome
-- A bucket that began just now knows nothing of what was before.
if not outcome and now_ms - bucket * OUTCOMES_WIDTH_MS < kept_ms then
  outcome = redis.call('HGET', outcomes_key(bucket - 1), sender)
end

local function keep_outcome(packed)
  local key = outcomes_key(bucket)
  redis.call('HSET', key, sender, struct.pack('>I8', call_number) .. packed)
  if not is_known_here then
    redis.call('PEXPIREAT', key, text((bucket + 1) * OUTCOMES_WIDTH_MS + 2 * kept_ms))
  end
end

local last_number = outcome and struct.unpack('>I8', outcome) or -1
if last_number == call_number then return { string.sub(outcome, 9) } end
if last_number > call_number then return { '' } end
append_all()
if #failures == #KEYS then return redis.error_reply(failures[1]) end
local packed = table.concat(answers)
if has_effect then keep_outcome(packed) end
return { packed, unpack(failures) }
