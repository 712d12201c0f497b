-- The first entry after a position, without its payload.
--
-- KEYS  1 stream
-- ARGV  1 position (epoch-seq)
-- Reply {id, stamp in ms} · {} there is none

local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', '1')[1]
if not found then return {} end
local envelope = found[2][2]
-- The stamp is the last 8 of the 62 bytes of an envelope; an entry that is none of ours has no time.
if found[2][1] ~= 'h' or #envelope ~= 62 then return { found[1], 0 } end
return { found[1], (struct.unpack('>I8', envelope, 55)) }
