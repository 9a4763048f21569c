-- Lets go of a request that is handed over: whoever gets the same request may claim it at once.
-- KEYS: as claim.lua. ARGV: token, time to keep it in ms, '1' to forget what was known of it
local key, token, keep_ms, forget = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local state, holder = unpack(redis.call('HMGET', key, 'state', 'token'))
if state ~= 'leased' or holder ~= token then return 0 end
if forget == '1' then return redis.call('DEL', key) end
redis.call('HDEL', key, 'token', 'ends_ms')
redis.call('HSET', key, 'state', 'handed over')
redis.call('PEXPIRE', key, keep_ms)
return 1
