-- Makes a shard if it is not there: its stream with the first header, its group, and what is known about it. To be called
-- under the shard's lease, with what PostgreSQL says.
--
-- KEYS  1 stream, 2 meta
-- ARGV  1 cluster id, 2 layout, 3 highest epoch that PostgreSQL knows, 4 generation, 5 applied position (epoch-seq)
-- Reply {'ALREADY'} · {'CREATED', epoch, seq} · {'MISMATCH', property, value in Redis}

local stream, meta = KEYS[1], KEYS[2]
local cluster_id, layout, generation, applied = ARGV[1], ARGV[2], ARGV[4], ARGV[5]

local function text(number) return string.format('%.0f', number) end

local known = redis.call('HMGET', meta, 'cluster_id', 'layout', 'epoch', 'duplicates')
if known[1] and known[1] ~= cluster_id then return { 'MISMATCH', 'cluster id', known[1] } end
if known[2] and known[2] ~= layout then return { 'MISMATCH', 'layout', known[2] } end

local function has_group()
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    for i = 1, #group, 2 do
      if group[i] == 'name' and group[i + 1] == 'aggregators' then return true end
    end
  end
  return false
end

local there = redis.call('EXISTS', stream) == 1
if known[1] and there then
  -- Its cursor is set before it is read, so where it stands at first is of no importance.
  if not has_group() then redis.call('XGROUP', 'CREATE', stream, 'aggregators', applied) end
  return { 'ALREADY' }
end

-- Where the first header continues. From nothing: then what PostgreSQL applied before, if anything, is lost here, and the
-- header says so. But a stream whose meta alone is gone goes on from its last entry, whose envelope has the totals.
local prev_epoch, prev_seq, entries, events, bytes = 0, 0, 0, 0, 0
local last_epoch = 0
if there then
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', '1')[1]
  local details = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #details, 2 do
    if details[i] == 'last-generated-id' then last_epoch = tonumber(string.match(details[i + 1], '^(%d+)-')) end
  end
  if newest and newest[2][1] == 'h' and #newest[2][2] == 62 then
    local id_epoch, id_seq = string.match(newest[1], '^(%d+)-(%d+)$')
    prev_epoch, prev_seq = tonumber(id_epoch), tonumber(id_seq)
    entries, events, bytes = struct.unpack('>I8I8I8', newest[2][2], 31)
  else
    redis.call('XTRIM', stream, 'MAXLEN', '=', '0')
  end
end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local info = redis.call('INFO', 'server', 'replication')
local incarnation = string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
local epoch = math.max(tonumber(ARGV[3]) + 1, tonumber(known[3] or '0') + 1, last_epoch + 1, now_ms)

local header = struct.pack('>I8I8I8I8I8I2', prev_epoch, prev_seq, entries, events, bytes, #incarnation) .. incarnation
  .. struct.pack('>I2', #cluster_id) .. cluster_id
entries, bytes = entries + 1, bytes + 62 + #header
local envelope = string.rep('\0', 16) .. struct.pack('>BBi8I4I8I8I8I8', 0, 0, 0, 0, entries, events, bytes, now_ms)
redis.call('XADD', stream, text(epoch) .. '-0', 'h', envelope, 'p', header)
if not has_group() then redis.call('XGROUP', 'CREATE', stream, 'aggregators', '0-0', 'ENTRIESREAD', '0') end
redis.call('HSET', meta, 'cluster_id', cluster_id, 'layout', layout, 'epoch', text(epoch), 'inc', incarnation,
  'entries', text(entries), 'events', text(events), 'bytes', text(bytes), 'duplicates', known[4] or '0',
  'generation', generation, 'applied', applied, 'applied_entries', '0', 'applied_events', '0', 'applied_bytes', '0')
return { 'CREATED', epoch, 0 }
