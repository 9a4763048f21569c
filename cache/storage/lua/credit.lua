-- Adds to what entries are worth.
-- KEYS: sizes, worth, account. ARGV: entry, gain, ...
local sizes, worth, account = KEYS[1], KEYS[2], KEYS[3]
local clock = tonumber(redis.call('HGET', account, 'clock') or 0)
for at = 1, #ARGV, 2 do
  local old, size = redis.call('ZSCORE', worth, ARGV[at]), redis.call('HGET', sizes, ARGV[at])
  if old and size then
    local gain = tonumber(ARGV[at + 1]) / tonumber(size)
    redis.call('ZADD', worth, math.max(tonumber(old), clock) + gain, ARGV[at])
  end
end
