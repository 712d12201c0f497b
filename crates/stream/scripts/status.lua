-- The state of a shard, from one moment. Reads only.
--
-- KEYS  1 stream, 2 meta
-- Reply {time in ms, incarnation, 1 if there is a stream, first id or '', last id or '', 1 if the group is there,
--       then the fields of meta named below, '' where absent}

local stream, meta = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local info = redis.call('INFO', 'server', 'replication')
local incarnation = string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
local reply = { tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), incarnation, 0, '', '', 0 }

if redis.call('EXISTS', stream) == 1 then
  reply[3] = 1
  local details = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #details, 2 do
    if details[i] == 'last-generated-id' then reply[5] = details[i + 1] end
    if details[i] == 'first-entry' and details[i + 1] then reply[4] = details[i + 1][1] end
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    for i = 1, #group, 2 do
      if group[i] == 'name' and group[i + 1] == 'aggregators' then reply[6] = 1 end
    end
  end
end

local names = { 'cluster_id', 'layout', 'epoch', 'inc', 'entries', 'events', 'bytes', 'duplicates', 'generation', 'applied',
  'applied_entries', 'applied_events', 'applied_bytes' }
for i, value in ipairs(redis.call('HMGET', meta, unpack(names))) do reply[6 + i] = value or '' end
return reply
