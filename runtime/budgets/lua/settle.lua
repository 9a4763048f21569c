-- Replaces a reservation by what the request really cost; twice is once.
-- KEYS: as reserve.lua. ARGV: reservation, cost
local id, cost = ARGV[1], tonumber(ARGV[2])
local what = held_by(id)
forget(id)
if not what then return 0 end
for number = 3, #KEYS do redis.call('INCRBY', KEYS[number], cost - what.amount) end
return 1
