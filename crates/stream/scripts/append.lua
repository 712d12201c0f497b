-- Appends requests to one shard, atomically and once each. All requests of a call share one round trip and one fsync.
--
-- KEYS  1 stream, 2 meta, 3 prefix of the clients' ids, 4 prefix of our own ids (all with the shard's hash tag; the
--       buckets' keys are made from the prefixes and Redis TIME)
-- ARGV  1 backlog limit in events, 2 backlog limit in bytes, 3 limit of the clients' ids in bytes,
--       4 window of the clients' ids in ms, 5 width of a bucket of our own ids in ms,
--       6 1 if the call was sent before (its answer was lost), else 0
--       then 7 for each request: kind (1 events, 2 votes, 3 ask only), request id (16 bytes),
--       hash of the client's body (8 bytes; empty: the id is our own), received_ms, number of events, format, payload
-- Reply a flat array, 5 for each request: code, epoch, seq, received_ms, events
--       0 accepted · 1 duplicate (position, time and count are the first one's) · 2 asked, and the id is new
--       3 the id was used with another body · 4 backlog (events and bytes of it stand in epoch and seq)
--       5 the ids' limit
-- Error NOTOPEN the shard has no log; nothing was written
--
-- Redis undoes nothing when a script fails, so all that can fail comes before the first write, and the first write is one
-- that Redis refuses when it is out of memory, read-only, or cannot persist.

local stream, meta = KEYS[1], KEYS[2]
local own_ids = { prefix = KEYS[4], parts = 16 }
local client_ids = { prefix = KEYS[3], parts = 1024 }
local limit_events, limit_bytes, limit_ids = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window_ms, own_width_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local sent_before = ARGV[6] == '1'

-- A window is this many buckets; with the one being filled, one more is asked.
local BUCKETS = 4
-- What an id costs, and a part of a bucket on top: measured (docs/adr/0005-shards-and-request-ids.md). Beyond as many ids
-- as a listpack holds Redis turns the part into a hash table, which takes twice as much for each.
local ID_BYTES, PART_BYTES, PART_IDS_MAX = 64, 160, 512

local function text(number) return string.format('%.0f', number) end

local function fields(key, names)
  local values = redis.call('HMGET', key, unpack(names))
  local found = {}
  for i, name in ipairs(names) do found[name] = values[i] end
  return found
end

local state = fields(meta, { 'epoch', 'inc', 'cluster_id', 'entries', 'events', 'bytes', 'applied_events',
  'applied_bytes', 'window', 'window_before', 'window_before_until' })
if not state.epoch or redis.call('EXISTS', stream) == 0 then
  return redis.error_reply('NOTOPEN the shard has no log')
end
local epoch = tonumber(state.epoch)
local entries, events, bytes = tonumber(state.entries), tonumber(state.events), tonumber(state.bytes)

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Adds one entry; the totals of its envelope include it.
local function add(kind, id, received_ms, count, format, payload)
  -- 62 is the length of the envelope.
  entries, events, bytes = entries + 1, events + count, bytes + 62 + #payload
  local envelope = id .. struct.pack('>BBi8I4I8I8I8I8', kind, format, received_ms, count, entries, events, bytes, now_ms)
  local made = redis.call('XADD', stream, 'NOMKSTREAM', text(epoch) .. '-*', 'h', envelope, 'p', payload)
  local made_epoch, made_seq = string.match(made, '^(%d+)-(%d+)$')
  return tonumber(made_epoch), tonumber(made_seq)
end

-- Redis started anew, or another node took over: a new epoch begins, and its header chains to the last id.
local info = redis.call('INFO', 'server', 'replication')
local incarnation = string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
if incarnation ~= state.inc then
  local details = redis.call('XINFO', 'STREAM', stream)
  local last
  for i = 1, #details, 2 do
    if details[i] == 'last-generated-id' then last = details[i + 1] end
  end
  local last_epoch, last_seq = string.match(last, '^(%d+)-(%d+)$')
  local header = struct.pack('>I8I8I8I8I8I2', tonumber(last_epoch), tonumber(last_seq), entries, events, bytes,
    #incarnation) .. incarnation .. struct.pack('>I2', #state.cluster_id) .. state.cluster_id
  epoch = math.max(epoch + 1, tonumber(last_epoch) + 1, now_ms)
  add(0, string.rep('\0', 16), 0, 0, 0, header)
  redis.call('HSET', meta, 'epoch', text(epoch), 'inc', incarnation, 'entries', text(entries), 'bytes', text(bytes))
end

-- The buckets in which an id may stand: those of the window and, for as long as they count, those of a window that was set
-- before. A bucket's name has its width, so buckets of two windows never meet.
local function buckets_of(ids, width_ms, count, keys)
  local current = math.floor(now_ms / width_ms)
  for bucket = current, current - count + 1, -1 do
    keys[#keys + 1] = ids.prefix .. ':' .. text(width_ms) .. ':' .. text(bucket)
  end
  return keys
end

local width_ms = math.ceil(window_ms / BUCKETS)
client_ids.buckets = buckets_of(client_ids, width_ms, BUCKETS + 1, {})
client_ids.expire_ms = (math.floor(now_ms / width_ms) + BUCKETS + 2) * width_ms
own_ids.buckets = buckets_of(own_ids, own_width_ms, 2, {})
own_ids.expire_ms = (math.floor(now_ms / own_width_ms) + 3) * own_width_ms

local before_ms, before_until = tonumber(state.window_before or '0'), tonumber(state.window_before_until or '0')
if state.window and tonumber(state.window) ~= window_ms then
  before_ms, before_until = tonumber(state.window), now_ms + 2 * tonumber(state.window)
  redis.call('HSET', meta, 'window_before', text(before_ms), 'window_before_until', text(before_until))
end
if state.window ~= text(window_ms) then redis.call('HSET', meta, 'window', text(window_ms)) end
if before_ms > 0 and before_ms ~= window_ms and now_ms < before_until then
  buckets_of(client_ids, math.ceil(before_ms / BUCKETS), BUCKETS + 1, client_ids.buckets)
end

local function part_of(ids, bucket, id)
  local a, b = string.byte(id, 15, 16)
  return bucket .. ':' .. text((a * 256 + b) % ids.parts)
end

-- What was kept with an id, or nil.
local function seen(ids, id)
  for _, bucket in ipairs(ids.buckets) do
    local kept = redis.call('HGET', part_of(ids, bucket, id), id)
    -- 28 is the length of what stands before the hash.
    if kept and #kept >= 28 then
      local kept_epoch, kept_seq, received_ms, count, at = struct.unpack('>I8I8i8I4', kept)
      return { epoch = kept_epoch, seq = kept_seq, received_ms = received_ms, events = count,
        hash = string.sub(kept, at) }
    end
  end
end

-- Keeps an id with what is answered; returns what that costs.
local function keep(ids, id, at_epoch, at_seq, received_ms, count, hash)
  local key = part_of(ids, ids.buckets[1], id)
  redis.call('HSET', key, id, struct.pack('>I8I8i8I4', at_epoch, at_seq, received_ms, count) .. hash)
  local held = redis.call('HLEN', key)
  if held == 1 then
    redis.call('PEXPIREAT', key, text(ids.expire_ms))
    return ID_BYTES + PART_BYTES
  end
  if held == PART_IDS_MAX + 1 then return ID_BYTES * (PART_IDS_MAX + 2) end
  return held > PART_IDS_MAX and 2 * ID_BYTES or ID_BYTES
end

local ids_bytes, charged = nil, 0
local function ids_are_full()
  if not ids_bytes then
    ids_bytes = 0
    for _, bucket in ipairs(client_ids.buckets) do
      ids_bytes = ids_bytes + tonumber(redis.call('GET', bucket) or '0')
    end
  end
  return ids_bytes + charged >= limit_ids
end

local applied_events, applied_bytes = tonumber(state.applied_events), tonumber(state.applied_bytes)
local duplicates, appended = 0, false
local reply = {}
local function answer(code, a, b, received_ms, count)
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = code, a, b, received_ms, count
end

local function append(kind, id, hash, received_ms, count, format, payload)
  local ids = hash == '' and own_ids or client_ids
  local kept = seen(ids, id)
  if kept then
    if kept.hash ~= hash then return answer(3, 0, 0, 0, 0) end
    -- Our own repetition of a call finds what the call itself wrote; that is no client's duplicate.
    local is_echo = ids == own_ids or (kind ~= 3 and sent_before and kept.received_ms == received_ms)
    if not is_echo then duplicates = duplicates + kept.events end
    return answer(is_echo and 0 or 1, kept.epoch, kept.seq, kept.received_ms, kept.events)
  end
  if kind == 3 then return answer(2, 0, 0, 0, 0) end
  local backlog_events, backlog_bytes = math.max(events - applied_events, 0), math.max(bytes - applied_bytes, 0)
  if backlog_events >= limit_events or backlog_bytes >= limit_bytes then
    return answer(4, backlog_events, backlog_bytes, 0, 0)
  end
  if ids == client_ids and ids_are_full() then return answer(5, 0, 0, 0, 0) end
  local at_epoch, at_seq = add(kind, id, received_ms, count, format, payload)
  local cost = keep(ids, id, at_epoch, at_seq, received_ms, count, hash)
  if ids == client_ids then charged = charged + cost end
  appended = true
  answer(0, at_epoch, at_seq, received_ms, count)
end

for i = 7, #ARGV, 7 do
  append(tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]),
    tonumber(ARGV[i + 5]), ARGV[i + 6])
end

if appended then
  redis.call('HSET', meta, 'entries', text(entries), 'events', text(events), 'bytes', text(bytes))
end
if duplicates > 0 then redis.call('HINCRBY', meta, 'duplicates', text(duplicates)) end
if charged > 0 and redis.call('INCRBY', client_ids.buckets[1], text(charged)) == charged then
  redis.call('PEXPIREAT', client_ids.buckets[1], text(client_ids.expire_ms))
end
return reply
