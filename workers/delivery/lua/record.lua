-- Records a request's ending: the first to record wins.
-- KEYS: as claim.lua. ARGV: fingerprint, time to keep it in ms, reply, usage, trace
-- Returns {'first'}, {'other'}, or {'recorded', reply, usage, trace}.
local key, fingerprint, keep_ms = KEYS[1], ARGV[1], ARGV[2]
local state, whose = unpack(redis.call('HMGET', key, 'state', 'fingerprint'))
if whose and whose ~= fingerprint then return {'other'} end
if state == 'recorded' then
  return {'recorded', unpack(redis.call('HMGET', key, 'reply', 'usage', 'trace'))}
end
redis.call('HDEL', key, 'token', 'ends_ms', 'again', 'lapsed')
redis.call('HSET', key, 'state', 'recorded', 'fingerprint', fingerprint,
  'reply', ARGV[3], 'usage', ARGV[4], 'trace', ARGV[5])
redis.call('PEXPIRE', key, keep_ms)
return {'first'}
