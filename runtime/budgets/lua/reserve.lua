-- Reserves a request's estimated cost in all of its tenant's budgets, or in none.
-- KEYS[1], KEYS[2]: as held.lua; KEYS[3..]: the budgets' counters, in micro-dollars, settled and reserved together
-- ARGV: reservation, amount, lease in seconds, then for each budget its limit and its life in seconds
-- Returns the number of the budget that refuses (0: reserved), then every budget's count.
local id, amount, lease_s = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6

-- what a dead worker never settled, and what this very request reserved on an earlier delivery
for _, expired in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', now, 'LIMIT', 0, 20)) do
  release(expired)
end
release(id)

local refusing, counts, counters = 0, {}, {}
for number = 3, #KEYS do
  local count = tonumber(redis.call('GET', KEYS[number]) or 0)
  local limit = tonumber(ARGV[2 * number - 2])
  counts[number - 2], counters[number - 2] = count, KEYS[number]
  if refusing == 0 and (count + amount > limit or count >= limit) then refusing = number - 2 end
end
if refusing == 0 then
  for number, counter in ipairs(counters) do
    counts[number] = redis.call('INCRBY', counter, amount)
    redis.call('EXPIRE', counter, ARGV[2 * number + 3])
  end
  redis.call('ZADD', open, now + lease_s, id)
  redis.call('HSET', held, id, cjson.encode({amount = amount, counters = counters}))
  -- a tenant that asks no more leaves nothing behind
  for _, key in ipairs({open, held}) do
    -- the longest lease counts: a batch's outlives those of calls
    redis.call('EXPIRE', key, 2 * lease_s, 'NX')
    redis.call('EXPIRE', key, 2 * lease_s, 'GT')
  end
end
return {refusing, unpack(counts)}
