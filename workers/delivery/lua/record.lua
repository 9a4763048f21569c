-- Records a request's ending: the first to record wins.
-- KEYS: as claim.lua. ARGV: fingerprint, time to keep it in ms, reply, usage, trace, when this
--   submission that may run again was sent (as claim.lua), '1' if a later one may
-- Returns {'first'}, {'other'}, or {'recorded', reply, usage, trace}.
local key, fingerprint, keep_ms = KEYS[1], ARGV[1], ARGV[2]
local submitted_ms = tonumber(ARGV[6])
local state, whose, failed_ms =
  unpack(redis.call('HMGET', key, 'state', 'fingerprint', 'failed_ms'))
if whose and whose ~= fingerprint then return {'other'} end
if state == 'recorded' and submitted_ms <= tonumber(failed_ms or '1e18') then
  return {'recorded', unpack(redis.call('HMGET', key, 'reply', 'usage', 'trace'))}
end
redis.call('HDEL', key, 'token', 'ends_ms', 'again', 'lapsed', 'failed_ms')
redis.call('HSET', key, 'state', 'recorded', 'fingerprint', fingerprint,
  'reply', ARGV[3], 'usage', ARGV[4], 'trace', ARGV[5])
if ARGV[7] == '1' then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  -- the same submission, delivered twice, never runs again, however wrong its sender's clock is
  redis.call('HSET', key, 'failed_ms', string.format('%d', math.max(now_ms, submitted_ms)))
end
redis.call('PEXPIRE', key, keep_ms)
return {'first'}
