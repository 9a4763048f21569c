-- Claims a request, unless it is answered, is in somebody's hands, or asks something else.
-- KEYS[1]: hash {state: leased | handed over | recorded, fingerprint, token, ends_ms, again,
--   reply, usage, trace}; again: a lease has lapsed with nothing to show for it
-- ARGV: fingerprint, token, lease in ms, time to keep it in ms
-- Returns {'claimed', again}, {'busy'}, {'other'}, or {'recorded', reply, usage, trace}.
local key, fingerprint, token, lease_ms, keep_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local state, whose, holder, ends_ms, again =
  unpack(redis.call('HMGET', key, 'state', 'fingerprint', 'token', 'ends_ms', 'again'))
if whose and whose ~= fingerprint then return {'other'} end
if state == 'recorded' then
  return {'recorded', unpack(redis.call('HMGET', key, 'reply', 'usage', 'trace'))}
end
again = again or '0'
-- the same token: asked twice, over a connection that was lost
if state == 'leased' and holder ~= token then
  if tonumber(ends_ms) > now_ms then return {'busy'} end
  again = '1'
end
redis.call('HSET', key, 'state', 'leased', 'fingerprint', fingerprint, 'token', token,
  'ends_ms', string.format('%d', now_ms + lease_ms), 'again', again)
redis.call('PEXPIRE', key, keep_ms)
return {'claimed', again}
