-- Renews exclusive leases; one that is another's by now is left alone.
-- KEYS: the leases. ARGV: life in ms, then each lease's owner token
for at = 1, #KEYS do
  -- a key of another type is an error of its own, and no other lease's
  if redis.pcall('GET', KEYS[at]) == ARGV[at + 1] then redis.call('PEXPIRE', KEYS[at], ARGV[1]) end
end
