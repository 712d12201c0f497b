-- Sets the group's cursor, and makes the group if it is gone. The count of entries read is given too, or Redis would not
-- know the lag (XINFO GROUPS shows null then, and so would KEDA).
--
-- KEYS  1 stream
-- ARGV  1 position (epoch-seq), 2 entries through it
-- Reply 1
-- Error NOTOPEN there is no stream

local stream = KEYS[1]
if redis.call('EXISTS', stream) == 0 then return redis.error_reply('NOTOPEN the shard has no log') end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  for i = 1, #group, 2 do
    if group[i] == 'name' and group[i + 1] == 'aggregators' then
      redis.call('XGROUP', 'SETID', stream, 'aggregators', ARGV[1], 'ENTRIESREAD', ARGV[2])
      return 1
    end
  end
end
redis.call('XGROUP', 'CREATE', stream, 'aggregators', ARGV[1], 'ENTRIESREAD', ARGV[2])
return 1
