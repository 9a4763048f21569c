-- Takes one of the few places of a counting lease; a place that isn't released lapses.
-- KEYS[1]: sorted set of holders by the end of their lease. ARGV: places, life in seconds, holder
-- Returns 1, or 0 if all places are taken.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- a holder that is there asks again, since the reply was lost: the place is its own
local held = redis.call('ZSCORE', KEYS[1], ARGV[3])
if not held and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 1000))
return 1
