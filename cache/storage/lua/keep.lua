-- Puts an entry in, unless something was invalidated since its age was read; ends its single flight.
-- KEYS: as drop.lua, the flight's lease, then the sets of its tags. ARGV: as named here; times in
-- milliseconds. owner: the lease's owner token, or ''
-- Returns {'kept', dropped...}, {'outdated'} or {'too large'}.
local id, seen, value, ttl, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local cost, quota, longest = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local owner = ARGV[9]
if (redis.call('GET', age) or '0.0') ~= seen then return {'outdated'} end
local size = #value + 512
if size > quota then return {'too large'} end
drop(id)
local dropped = {'kept'}
for _, gone in ipairs(redis.call('ZRANGE', due, 0, now, 'BYSCORE', 'LIMIT', 0, 50)) do
  drop(gone)
  dropped[#dropped + 1] = gone
end
while tonumber(redis.call('HGET', account, 'bytes') or 0) + size > quota and #dropped < 200 do
  local least = redis.call('ZPOPMIN', worth)
  if #least == 0 then redis.call('HSET', account, 'bytes', 0) break end
  redis.call('HSET', account, 'clock', least[2])
  drop(least[1])
  dropped[#dropped + 1] = least[1]
end
local clock = tonumber(redis.call('HGET', account, 'clock') or 0)
redis.call('SET', entries .. id, value, 'PX', ttl)
redis.call('HSET', sizes, id, size)
redis.call('HINCRBY', account, 'bytes', size)
redis.call('ZADD', worth, clock + cost / size, id)
redis.call('ZADD', due, now + ttl, id)
-- a tenant that nobody serves any more leaves nothing behind
for _, key in ipairs({sizes, worth, due, account}) do
  if redis.call('PTTL', key) < longest then redis.call('PEXPIRE', key, longest) end
end
for at = 8, #KEYS do
  redis.call('SADD', KEYS[at], id)
  redis.call('PEXPIRE', KEYS[at], longest)
end
-- those who wait for the entry find it from here on
if owner ~= '' and redis.call('GET', KEYS[7]) == owner then redis.call('DEL', KEYS[7]) end
return dropped
