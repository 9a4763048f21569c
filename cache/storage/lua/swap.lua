-- Replaces a value that is still the one that was read. Returns whether it did.
-- KEYS[1]. ARGV: the value read, the new one, its life in seconds
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
