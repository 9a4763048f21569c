-- Replaces a reservation by what the request really cost; twice is once.
-- KEYS: as reserve.lua. ARGV: reservation, cost
local open, held, id, cost = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local text = redis.call('HGET', held, id)
if not text then return 0 end
local amount = cjson.decode(text).amount
for number = 3, #KEYS do redis.call('INCRBY', KEYS[number], cost - amount) end
redis.call('HDEL', held, id)
redis.call('ZREM', open, id)
return 1
