-- Ends an exclusive lease, or leaves a mark in its place.
-- KEYS[1]: the lease. ARGV: owner token, mark or '', life of the mark in ms
-- Returns 1, or 0 if the lease is another's by now.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
