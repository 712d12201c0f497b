-- Tells the shard what was applied, forward only, and only for the generation that PostgreSQL has. The backlog limit, the
-- figures of the backlog, and trimming follow it.
--
-- KEYS  1 meta
-- ARGV  1 generation, 2 epoch and 3 seq of the applied position, 4 entries, 5 events and 6 bytes through it
-- Reply {'MOVED'} · {'BEHIND'} the mirror is further · {'FENCED', generation in Redis}
-- Error NOTOPEN

local meta = KEYS[1]
local known = redis.call('HMGET', meta, 'generation', 'applied')
if not known[1] then return redis.error_reply('NOTOPEN the shard has no log') end
if tonumber(known[1]) ~= tonumber(ARGV[1]) then return { 'FENCED', tonumber(known[1]) } end

local epoch, seq = string.match(known[2], '^(%d+)-(%d+)$')
epoch, seq = tonumber(epoch), tonumber(seq)
local to_epoch, to_seq = tonumber(ARGV[2]), tonumber(ARGV[3])
if to_epoch < epoch or (to_epoch == epoch and to_seq < seq) then return { 'BEHIND' } end
redis.call('HSET', meta, 'applied', ARGV[2] .. '-' .. ARGV[3], 'applied_entries', ARGV[4], 'applied_events', ARGV[5],
  'applied_bytes', ARGV[6])
return { 'MOVED' }
