-- workers/calling/prefix_counts.py: how often prefixes came lately, then counts this request for some.
-- KEYS: names to look up, then names to count. ARGV[1]: how many are looked up
-- Returns {uses in 5 minutes, uses in an hour} for each looked up, as text, since Lua's numbers
-- would lose their fractions.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6

local function uses(key)
  local kept = redis.call('HMGET', key, 'short', 'long', 'at')
  local passed_s = math.max(0, now - (tonumber(kept[3]) or now))
  return (tonumber(kept[1]) or 0) * math.exp(-passed_s / 300),
    (tonumber(kept[2]) or 0) * math.exp(-passed_s / 3600)
end

local looked, found = tonumber(ARGV[1]), {}
for number = 1, looked do
  local short, long = uses(KEYS[number])
  found[number] = {string.format('%.6f', short), string.format('%.6f', long)}
end
for number = looked + 1, #KEYS do
  local short, long = uses(KEYS[number])
  redis.call('HSET', KEYS[number], 'short', string.format('%.6f', short + 1),
    'long', string.format('%.6f', long + 1), 'at', string.format('%.6f', now))
  redis.call('EXPIRE', KEYS[number], 7200)
end
return found
