-- Removes entries; answers on their way are not kept.
-- KEYS: as drop.lua. ARGV: the entries
local epoch, generation = string.match(redis.call('GET', age) or '0.0', '(%d+)%.(%d+)')
redis.call('SET', age, epoch .. '.' .. (tonumber(generation) + 1))
for _, id in ipairs(ARGV) do drop(id) end
