-- Ends a flight's lease, or leaves a mark in its place.
-- KEYS[1]: the lease. ARGV: token, mark or '', life of the mark in ms
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if ARGV[2] == '' then redis.call('DEL', KEYS[1])
  else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
end
