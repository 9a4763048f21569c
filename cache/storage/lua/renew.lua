-- Renews flights' leases.
-- KEYS: the leases. ARGV: lease in ms, then each lease's token
for at = 1, #KEYS do
  if redis.call('GET', KEYS[at]) == ARGV[at + 1] then redis.call('PEXPIRE', KEYS[at], ARGV[1]) end
end
