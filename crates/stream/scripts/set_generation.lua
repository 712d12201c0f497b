-- PostgreSQL has another past than before (it was restored): sets the generation and the mirror to what it says, even
-- backwards. From then on mirrors and trims of lower generations are shut out.
--
-- KEYS  1 meta
-- ARGV  1 generation, 2 epoch and 3 seq of the applied position, 4 entries, 5 events and 6 bytes through it
-- Reply 1 set · 0 Redis has a higher generation, nothing was changed
-- Error NOTOPEN

local meta = KEYS[1]
local known = redis.call('HGET', meta, 'generation')
if not known then return redis.error_reply('NOTOPEN the shard has no log') end
if tonumber(known) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', meta, 'generation', ARGV[1], 'applied', ARGV[2] .. '-' .. ARGV[3], 'applied_entries', ARGV[4],
  'applied_events', ARGV[5], 'applied_bytes', ARGV[6])
return 1
