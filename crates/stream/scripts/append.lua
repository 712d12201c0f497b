-- Appends requests to shards, each shard atomically and each request once. All requests of a call share one round trip, one
-- fsync, and what a call costs whatever it carries.
--
-- KEYS  the stream of each shard; the shard's other keys are its name with an ending, and so have the same hash tag
-- ARGV  1 six numbers of 8 bytes: backlog limit in events, backlog limit in bytes, limit of the clients' ids in bytes (each
--       of one shard), window of the clients' ids in ms, for how long an outcome is kept at least in ms, and the call's
--       number: higher than that of any call of this sender that was given up or answered,
--       2 sender (8 bytes); then for each shard the number of its requests, and
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
--
-- Redis makes every function of a script anew in each call, with all it refers to; of a call that appends one entry that was a
-- fifth. So there are few, codes stand as numbers, and what is rarely needed is made where it is needed.

local REQUEST_ARGS = 3
local limit_events, limit_bytes, limit_ids, window_ms, kept_ms, call_number = struct.unpack('>I8I8I8I8I8I8', ARGV[1])
local sender = ARGV[2]

-- Arithmetic takes digits for the number they are, in half the time of tonumber.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

-- A sender has one call under way, and repeats it until it is answered or given up; so the answers to its last one are all
-- that a repetition, or a copy that comes late, can ask for. They are kept beside the call's first shard: a copy has the same.
-- Their buckets are wide, so that mostly one is asked.
local width_ms = 32 * kept_ms
local bucket = math.floor(now_ms / width_ms)
local outcomes = KEYS[1] .. ':outcomes:' .. width_ms .. ':'
local outcome = redis.call('HGET', outcomes .. bucket, sender)
local is_known_here = outcome
-- A bucket that began just now knows nothing of what was before.
if not outcome and now_ms - bucket * width_ms < kept_ms then
  outcome = redis.call('HGET', outcomes .. bucket - 1, sender)
end
local last_number = outcome and struct.unpack('>I8', outcome) or -1
if last_number == call_number then return { string.sub(outcome, 9) } end
if last_number > call_number then return { '' } end

-- A master's replication id is new each time it starts or is promoted, so it tells incarnations apart; the whole name is asked
-- for only when it differs.
local info = redis.call('INFO', 'replication')
local _, before_replid = string.find(info, 'master_replid:', 1, true)
local replid = string.sub(info, before_replid + 1, before_replid + 40)

-- For whole numbers: put into a text as they are, large ones get an exponent.
local format = string.format

local answers, failures = {}, {}
-- Whether anything was written that a repetition must not write again.
local has_effect = false

local function answer(code, a, b, received_ms, count)
  answers[#answers + 1] = struct.pack('>BI8I8i8I4', code, a, b, received_ms, count)
end

-- Adds one entry and returns its seq; the totals of its envelope include it. Nothing, if there is no stream: then nothing was
-- written to the shard yet.
local function add(shard, head, count, payload)
  -- 62 is the length of the envelope.
  shard.entries, shard.events, shard.bytes = shard.entries + 1, shard.events + count, shard.bytes + 62 + #payload
  local envelope = head .. struct.pack('>I8I8I8I8', shard.entries, shard.events, shard.bytes, now_ms)
  local id = redis.call('XADD', shard.stream, 'NOMKSTREAM', shard.epoch_text .. '-*', 'h', envelope, 'p', payload)
  return id and string.sub(id, #shard.epoch_text + 2) + 0
end

-- Redis started anew, or another node took over: a new epoch begins, and its header chains to the last id.
local function open_epoch(shard)
  if redis.call('EXISTS', shard.stream) == 0 then return end
  local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local incarnation = run_id .. ':' .. replid
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
  shard.epoch_text = format('%d', shard.epoch)
  add(shard, string.rep('\0', 30), 0, header)
  redis.call('HSET', shard.meta, 'epoch', shard.epoch_text, 'inc', incarnation, 'entries',
    format('%d', shard.entries), 'bytes', format('%d', shard.bytes))
end

-- The buckets in which a client's id may stand: those of the window and, for as long as they count, those of one that was set
-- before. A bucket's name has its width, so buckets of two windows never meet.
local function buckets_of(shard)
  -- A window is this many buckets; with the one being filled, one more is asked.
  local BUCKETS = 4
  local buckets = {}
  local function add(bucket_ms)
    local current = math.floor(now_ms / bucket_ms)
    for number = current, current - BUCKETS, -1 do
      buckets[#buckets + 1] = shard.stream .. format(':ids:%d:%d', bucket_ms, number)
    end
  end

  local bucket_ms = math.ceil(window_ms / BUCKETS)
  shard.expire_ms = (math.floor(now_ms / bucket_ms) + BUCKETS + 2) * bucket_ms
  add(bucket_ms)
  local window, before_ms, before_until = unpack(redis.call('HMGET', shard.meta, 'window', 'window_before',
    'window_before_until'))
  before_ms, before_until = tonumber(before_ms or '0'), tonumber(before_until or '0')
  if window and tonumber(window) ~= window_ms then
    before_ms, before_until = tonumber(window), now_ms + 2 * tonumber(window)
    redis.call('HSET', shard.meta, 'window_before', format('%d', before_ms), 'window_before_until',
      format('%d', before_until))
  end
  local window_text = format('%d', window_ms)
  if window ~= window_text then redis.call('HSET', shard.meta, 'window', window_text) end
  if before_ms > 0 and before_ms ~= window_ms and now_ms < before_until then add(math.ceil(before_ms / BUCKETS)) end
  return buckets
end

-- What is known of a shard's clients' ids: three functions.
local function ids_of(shard)
  -- What an id costs, and a part of a bucket on top: measured (docs/adr/0005-shards-and-request-ids.md). Beyond as many ids
  -- as a listpack holds Redis turns the part into a hash table, which takes twice as much for each.
  local ID_BYTES, PART_BYTES, PART_IDS_MAX, PARTS = 64, 160, 512, 1024
  local buckets, ids_bytes = buckets_of(shard), nil
  shard.bucket = buckets[1]

  local function part_of(name, id)
    local a, b = string.byte(id, 15, 16)
    return name .. format(':%d', (a * 256 + b) % PARTS)
  end

  -- What was kept with an id, or nil.
  local function seen(id)
    for _, name in ipairs(buckets) do
      local kept = redis.call('HGET', part_of(name, id), id)
      -- 28 is the length of what stands before the hash.
      if kept and #kept >= 28 then
        local kept_epoch, kept_seq, received_ms, count, at = struct.unpack('>I8I8i8I4', kept)
        return { epoch = kept_epoch, seq = kept_seq, received_ms = received_ms, events = count,
          hash = string.sub(kept, at) }
      end
    end
  end

  local function are_full()
    if not ids_bytes then
      ids_bytes = 0
      for _, name in ipairs(buckets) do ids_bytes = ids_bytes + tonumber(redis.call('GET', name) or '0') end
    end
    return ids_bytes + shard.charged >= limit_ids
  end

  -- Keeps an id with what is answered, and charges what that costs.
  local function keep(id, at_epoch, at_seq, received_ms, count, hash)
    local key = part_of(buckets[1], id)
    redis.call('HSET', key, id, struct.pack('>I8I8i8I4', at_epoch, at_seq, received_ms, count) .. hash)
    local held = redis.call('HLEN', key)
    local cost = held > PART_IDS_MAX and 2 * ID_BYTES or ID_BYTES
    if held == 1 then
      redis.call('PEXPIREAT', key, format('%d', shard.expire_ms))
      cost = ID_BYTES + PART_BYTES
    elseif held == PART_IDS_MAX + 1 then
      cost = ID_BYTES * (PART_IDS_MAX + 2)
    end
    shard.charged = shard.charged + cost
  end

  return { seen = seen, are_full = are_full, keep = keep }
end

local function append(shard, head, hash, payload)
  local kind, _, received_ms, count = struct.unpack('>BBi8I4', head, 17)
  local id
  if hash ~= '' then
    id = string.sub(head, 1, 16)
    shard.ids = shard.ids or ids_of(shard)
    local kept = shard.ids.seen(id)
    if kept then
      if kept.hash ~= hash then return answer(3, 0, 0, 0, 0) end  -- another body
      shard.duplicates, has_effect = shard.duplicates + kept.events, true
      return answer(1, kept.epoch, kept.seq, kept.received_ms, kept.events)  -- duplicate
    end
  end
  if kind == 3 then return answer(2, 0, 0, 0, 0) end  -- new
  local backlog_events = math.max(shard.events - shard.applied_events, 0)
  local backlog_bytes = math.max(shard.bytes - shard.applied_bytes, 0)
  if backlog_events >= limit_events or backlog_bytes >= limit_bytes then
    return answer(4, backlog_events, backlog_bytes, 0, 0)  -- backlog
  end
  if id and shard.ids.are_full() then return answer(5, 0, 0, 0, 0) end  -- ids' limit
  local seq = add(shard, head, count, payload)
  if not seq then return answer(6, 0, 0, 0, 0) end  -- no log
  if id then shard.ids.keep(id, shard.epoch, seq, received_ms, count, hash) end
  shard.is_changed, has_effect = true, true
  answer(0, shard.epoch, seq, received_ms, count)  -- accepted
end

local function append_to(stream, first, count)
  local meta = stream .. ':meta'
  local known = redis.call('HMGET', meta, 'epoch', 'inc', 'entries', 'events', 'bytes', 'applied_events', 'applied_bytes')
  -- It was never opened.
  if not known[1] then
    for _ = 1, count do answer(6, 0, 0, 0, 0) end  -- no log
    return
  end
  local shard = { stream = stream, meta = meta, epoch = known[1] + 0, epoch_text = known[1],
    entries = known[3] + 0, events = known[4] + 0, bytes = known[5] + 0, applied_events = known[6] + 0,
    applied_bytes = known[7] + 0, charged = 0, duplicates = 0, is_changed = false }
  if string.sub(known[2], -#replid) ~= replid then open_epoch(shard) end
  for i = first, first + (count - 1) * REQUEST_ARGS, REQUEST_ARGS do
    append(shard, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  end
  if shard.is_changed then
    redis.call('HSET', meta, 'entries', format('%d', shard.entries), 'events', format('%d', shard.events), 'bytes',
      format('%d', shard.bytes))
  end
  if shard.duplicates > 0 then redis.call('HINCRBY', meta, 'duplicates', format('%d', shard.duplicates)) end
  if shard.charged > 0 and redis.call('INCRBY', shard.bucket, format('%d', shard.charged)) == shard.charged then
    redis.call('PEXPIREAT', shard.bucket, format('%d', shard.expire_ms))
  end
end

-- All shards, one after the other; one that fails leaves the others alone.
local at = 3
for _, stream in ipairs(KEYS) do
  local count, from = ARGV[at] + 0, #answers
  local done, failure = pcall(append_to, stream, at + 1, count)
  if not done then
    for i = #answers, from + 1, -1 do answers[i] = nil end
    for _ = 1, count do answer(7, 0, 0, 0, 0) end  -- unknown
    failures[#failures + 1] = type(failure) == 'table' and failure.err or tostring(failure)
  end
  at = at + 1 + count * REQUEST_ARGS
end
if #failures == #KEYS then return redis.error_reply(failures[1]) end

local packed = table.concat(answers)
if has_effect then
  redis.call('HSET', outcomes .. bucket, sender, struct.pack('>I8', call_number) .. packed)
  if not is_known_here then
    redis.call('PEXPIREAT', outcomes .. bucket, format('%d', (bucket + 1) * width_ms + 2 * kept_ms))
  end
end
return { packed, unpack(failures) }
