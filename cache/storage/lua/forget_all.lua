-- Removes all entries of a tenant.
-- KEYS: age, sizes, worth, due, account. Returns how many there were.
local epoch = string.match(redis.call('GET', KEYS[1]) or '0.0', '(%d+)%.')
-- 90 days: longer than any entry of an earlier epoch lives
redis.call('SET', KEYS[1], (tonumber(epoch) + 1) .. '.0', 'EX', 7776000)
local count = redis.call('ZCARD', KEYS[4])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
return count
