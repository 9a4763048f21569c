-- Counts what was spent for a request by a batch, once, and gives back what was reserved for it.
-- KEYS[1], KEYS[2]: as held.lua; KEYS[3]: set of what the batch has counted; KEYS[4..]: counters
-- ARGV: reservation ('': none is given back), name in the set ('': counted each time),
-- micro-dollars, life of the set in seconds, then the life of each counter in seconds
-- Returns whether it was counted now, then every budget's count.
local counted = KEYS[3]
local reservation, name, cost = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now, counts = 1, {}
if name ~= '' then
  now = redis.call('SADD', counted, name)
  redis.call('EXPIRE', counted, ARGV[4])
end
if now == 1 and reservation ~= '' then release(reservation) end
for number = 4, #KEYS do
  if now == 1 and cost ~= 0 then
    redis.call('INCRBY', KEYS[number], cost)
    redis.call('EXPIRE', KEYS[number], ARGV[number + 1])
  end
  counts[number - 3] = tonumber(redis.call('GET', KEYS[number]) or 0)
end
return {now, unpack(counts)}
