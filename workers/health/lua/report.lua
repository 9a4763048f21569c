-- Keeps one worker's report, forgets those of workers that fell silent, and counts the living.
-- KEYS[1]: sorted set of workers by when they were last heard. KEYS[2]: hash of their reports.
-- ARGV: worker, report, seconds of silence after which a worker is gone
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[1], silent)
  redis.call('HDEL', KEYS[2], silent)
end
return redis.call('ZCARD', KEYS[1])
