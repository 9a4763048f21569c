-- Claims a request, unless it is answered, is in somebody's hands, or asks something else.
-- KEYS[1]: hash {state: leased | handed over | recorded, fingerprint, token, ends_ms, again, lapsed,
--   reply, usage, trace, failed_ms}; failed_ms: of an ending after which a later submission may run
--   again; again: a lease has lapsed with nothing to show for it; lapsed: how many
--   have (earlier versions write only the first)
-- ARGV: fingerprint, token, lease in ms, time to keep it in ms, when this submission that may run
--   again was sent (Unix ms; 0: it may not)
-- Returns {'claimed', again, lapsed}, {'busy'}, {'other'}, or {'recorded', reply, usage, trace}.
local key, fingerprint, token, lease_ms, keep_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local state, whose, holder, ends_ms, again, lapsed, failed_ms = unpack(redis.call('HMGET', key,
  'state', 'fingerprint', 'token', 'ends_ms', 'again', 'lapsed', 'failed_ms'))
if whose and whose ~= fingerprint then return {'other'} end
if state == 'recorded' and tonumber(ARGV[5]) <= tonumber(failed_ms or '1e18') then
  return {'recorded', unpack(redis.call('HMGET', key, 'reply', 'usage', 'trace'))}
end
again, lapsed = again or '0', tonumber(lapsed or again or '0')
-- the same token: asked twice, over a connection that was lost
if state == 'leased' and holder ~= token then
  if tonumber(ends_ms) > now_ms then return {'busy'} end
  again, lapsed = '1', lapsed + 1
end
redis.call('HSET', key, 'state', 'leased', 'fingerprint', fingerprint, 'token', token,
  'ends_ms', string.format('%d', now_ms + lease_ms), 'again', again,
  'lapsed', lapsed)
redis.call('PEXPIRE', key, keep_ms)
return {'claimed', again, lapsed}
