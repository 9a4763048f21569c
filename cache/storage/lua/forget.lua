-- Removes entries; answers on their way are not kept.
-- KEYS: as drop.lua. ARGV: the entries
local epoch, generation = string.match(redis.call('GET', age) or '0.0', '(%d+)%.(%d+)')
-- 90 days: longer than any entry of an earlier epoch lives
redis.call('SET', age, epoch .. '.' .. (tonumber(generation) + 1), 'EX', 7776000)
for _, id in ipairs(ARGV) do drop(id) end
