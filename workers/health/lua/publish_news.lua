-- Keeps a breaker's news for workers that come later, and publishes it to those that are here.
-- KEYS[1]: hash of breakers. ARGV: channel, breaker, state, reason, seconds (of an open one), by, force,
-- tenant (to whom alone it is open; empty: to all)
-- An operator's word stands until the operator takes it back; an open breaker is only ever extended:
-- to a later time, and from one tenant to all.
local channel, breaker, state, reason, for_s, by, force, tenant = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local kept = redis.call('HGET', KEYS[1], breaker)
if kept and force == '0' then
  local readable, old = pcall(cjson.decode, kept)
  if not readable or type(old) ~= 'table' then old = {} end
  old = {state = tostring(old.state), ends = tonumber(old.ends) or 0, tenant = old.tenant}
  if type(old.tenant) ~= 'string' then old.tenant = '' end
  if string.sub(old.state, 1, 6) == 'forced' then return 0 end
  if state == 'open' and old.ends > now then
    if old.tenant ~= tenant then tenant = '' end
    if old.ends > now + for_s then
      if old.tenant == tenant then return 0 end
      for_s = old.ends - now
    end
  end
end
if state == 'closed' then
  redis.call('HDEL', KEYS[1], breaker)
else
  local kept_now = {state = state, reason = reason, ends = now + for_s, by = by}
  if tenant ~= '' then kept_now.tenant = tenant end
  redis.call('HSET', KEYS[1], breaker, cjson.encode(kept_now))
end
local news = {breaker = breaker, state = state, reason = reason, for_s = tonumber(for_s), by = by}
if tenant ~= '' then news.tenant = tenant end
redis.call('PUBLISH', channel, cjson.encode(news))
return 1
