-- Takes one request from a key's limits, if all of them allow it.
-- KEYS: the buckets (a hash), the requests under way (a sorted set by the end of their lease)
-- ARGV: requests a minute, tokens a minute, requests at once (0: no limit), this one's tokens, its
-- id, lease in ms
-- Returns the limit that refuses it ('concurrency', 'requests', 'tokens'; '' if none does) and ms
local buckets, open = KEYS[1], KEYS[2]
local rpm, tpm, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens, id, lease_ms = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function level(name, per_minute)
  local had, at = unpack(redis.call('HMGET', buckets, name, name .. '_at'))
  if not had then return per_minute end
  return math.min(per_minute, tonumber(had) + math.max(0, now - tonumber(at)) * per_minute / 60000)
end

local function wait(left, amount, per_minute)
  return math.ceil((math.min(amount, per_minute) - left) * 60000 / per_minute)
end

if most > 0 then
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
  if redis.call('ZCARD', open) >= most then return {'concurrency', 1000} end
end
local requests = rpm > 0 and level('requests', rpm)
if requests and wait(requests, 1, rpm) > 0 then return {'requests', wait(requests, 1, rpm)} end
local left = tpm > 0 and level('tokens', tpm)
if left and wait(left, tokens, tpm) > 0 then return {'tokens', wait(left, tokens, tpm)} end

if requests then redis.call('HSET', buckets, 'requests', requests - 1, 'requests_at', now) end
if left then redis.call('HSET', buckets, 'tokens', left - tokens, 'tokens_at', now) end
if requests or left then redis.call('PEXPIRE', buckets, 3600000) end
if most > 0 then
  redis.call('ZADD', open, now + lease_ms, id)
  redis.call('PEXPIRE', open, lease_ms)
end
return {'', 0}
