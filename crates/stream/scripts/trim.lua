-- Forgets entries below a position: only for the generation that PostgreSQL has, never above the mirror, and never the
-- entry at the mirror (it is the anchor by which a consumer knows the log again).
--
-- KEYS  1 stream, 2 meta
-- ARGV  1 generation, 2 epoch and 3 seq of the first entry to stay
-- Reply {'DONE', entries removed} whole nodes of the stream, a bounded number a call
--       {'ABOVE', mirror} · {'FENCED', generation in Redis}
-- Error NOTOPEN

local stream, meta = KEYS[1], KEYS[2]
local known = redis.call('HMGET', meta, 'generation', 'applied')
if not known[1] then return redis.error_reply('NOTOPEN the shard has no log') end
if tonumber(known[1]) ~= tonumber(ARGV[1]) then return { 'FENCED', tonumber(known[1]) } end

local epoch, seq = string.match(known[2], '^(%d+)-(%d+)$')
epoch, seq = tonumber(epoch), tonumber(seq)
local below_epoch, below_seq = tonumber(ARGV[2]), tonumber(ARGV[3])
if below_epoch > epoch or (below_epoch == epoch and below_seq > seq) then return { 'ABOVE', known[2] } end
return { 'DONE', redis.call('XTRIM', stream, 'MINID', '~', ARGV[2] .. '-' .. ARGV[3]) }
