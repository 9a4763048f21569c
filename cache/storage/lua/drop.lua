-- Goes before keep.lua and forget.lua: their keys, and how an entry goes.
-- A tenant's entries are accounted for in four keys: sizes (entry -> bytes), worth (entry -> what
-- keeping it is worth), due (entry -> when it ends) and account (total bytes, the worth of the last
-- evicted). Worth follows GreedyDual-Size-Frequency (Cherkasova 1998): the account's clock plus hits
-- times money saved, per byte, so what is no longer asked for loses against what is.
-- KEYS: age, sizes, worth, due, account, the prefix of the entries
local age, sizes, worth, due, account, entries = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local function drop(id)
  local size = redis.call('HGET', sizes, id)
  if size then redis.call('HINCRBY', account, 'bytes', -tonumber(size)) end
  redis.call('HDEL', sizes, id)
  redis.call('ZREM', worth, id)
  redis.call('ZREM', due, id)
  redis.call('UNLINK', entries .. id)
end
