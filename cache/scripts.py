"""Which steps must Redis do as one? The Lua scripts of the store and of single flight.

A tenant's entries are accounted for in four keys: `sizes` (entry → bytes), `worth` (entry → what
keeping it is worth), `due` (entry → when it ends) and `account` (total bytes, the worth of the last
evicted). Worth follows GreedyDual-Size-Frequency (Cherkasova 1998): the account's clock plus hits
times money saved, per byte, so what is no longer asked for loses against what is.
"""

from typing import Final

_DROP: Final = """
local function drop(id)
  local size = redis.call('HGET', sizes, id)
  if size then redis.call('HINCRBY', account, 'bytes', -tonumber(size)) end
  redis.call('HDEL', sizes, id)
  redis.call('ZREM', worth, id)
  redis.call('ZREM', due, id)
  redis.call('UNLINK', entries .. id)
end
"""

KEEP: Final = (
    """
local age, sizes, worth, due, account = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local entries = KEYS[6]
local id, seen, value, ttl, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local cost, quota, longest = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
"""
    + _DROP
    + """
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
for at = 7, #KEYS do
  redis.call('SADD', KEYS[at], id)
  redis.call('PEXPIRE', KEYS[at], longest)
end
return dropped
"""
)

CREDIT: Final = """
local sizes, worth, account = KEYS[1], KEYS[2], KEYS[3]
local clock = tonumber(redis.call('HGET', account, 'clock') or 0)
for at = 1, #ARGV, 2 do
  local old, size = redis.call('ZSCORE', worth, ARGV[at]), redis.call('HGET', sizes, ARGV[at])
  if old and size then
    local gain = tonumber(ARGV[at + 1]) / tonumber(size)
    redis.call('ZADD', worth, math.max(tonumber(old), clock) + gain, ARGV[at])
  end
end
"""

FORGET: Final = (
    """
local age, sizes, worth, due, account = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local entries = KEYS[6]
"""
    + _DROP
    + """
local epoch, generation = string.match(redis.call('GET', age) or '0.0', '(%d+)%.(%d+)')
redis.call('SET', age, epoch .. '.' .. (tonumber(generation) + 1))
for _, id in ipairs(ARGV) do drop(id) end
"""
)

FORGET_ALL: Final = """
local epoch = string.match(redis.call('GET', KEYS[1]) or '0.0', '(%d+)%.')
redis.call('SET', KEYS[1], (tonumber(epoch) + 1) .. '.0')
local count = redis.call('ZCARD', KEYS[4])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
return count
"""

RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if ARGV[2] == '' then redis.call('DEL', KEYS[1])
  else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
end
"""

RENEW: Final = """
for at = 1, #KEYS do
  if redis.call('GET', KEYS[at]) == ARGV[at + 1] then redis.call('PEXPIRE', KEYS[at], ARGV[1]) end
end
"""

SWAP: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
