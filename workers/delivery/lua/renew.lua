-- Renews a lease. One that nobody holds (Redis was flushed) is taken back.
-- KEYS: as claim.lua. ARGV: fingerprint, token, lease in ms, time to keep it in ms
local key, fingerprint, token, lease_ms, keep_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local state, holder = unpack(redis.call('HMGET', key, 'state', 'token'))
if state and (state ~= 'leased' or holder ~= token) then return 0 end
redis.call('HSET', key, 'state', 'leased', 'fingerprint', fingerprint, 'token', token,
  'ends_ms', string.format('%d', now_ms + lease_ms))
redis.call('PEXPIRE', key, keep_ms)
return 1
