-- Goes before reserve.lua, settle.lua and charge.lua: what a reservation holds, and how it ends.
-- KEYS[1]: sorted set of open reservations by expiry; KEYS[2]: hash of what each holds
local open, held = KEYS[1], KEYS[2]

-- nil: nothing; what somebody else wrote there holds nothing
local function held_by(reservation)
  local text = redis.call('HGET', held, reservation)
  local is_read, what = pcall(cjson.decode, text or 'null')
  if not is_read or type(what) ~= 'table' then return nil end
  if type(what.amount) ~= 'number' or type(what.counters) ~= 'table' then return nil end
  return what
end

local function forget(reservation)
  redis.call('HDEL', held, reservation)
  redis.call('ZREM', open, reservation)
end

local function release(reservation)
  local what = held_by(reservation)
  for _, counter in ipairs(what and what.counters or {}) do
    if redis.pcall('EXISTS', counter) == 1 then redis.pcall('DECRBY', counter, what.amount) end
  end
  forget(reservation)
end
