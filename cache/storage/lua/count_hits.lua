-- Counts hits by what the promise is kept for, and notes which requests they served.
-- KEYS: hits (label -> number), served (a stream). ARGV: as named here (lives in seconds), then label
-- and number of each label, then request, entry, question, label and score of each note
local hits, served = KEYS[1], KEYS[2]
local hits_life, most_labels, most_notes = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local served_life, labels = ARGV[4], tonumber(ARGV[5])
for at = 6, 4 + 2 * labels, 2 do
  local label = ARGV[at]
  if redis.call('HEXISTS', hits, label) == 0 and redis.call('HLEN', hits) >= most_labels then
    label = 'others'
  end
  redis.call('HINCRBY', hits, label, ARGV[at + 1])
end
redis.call('EXPIRE', hits, hits_life)
for at = 6 + 2 * labels, #ARGV, 5 do
  redis.call('XADD', served, 'MAXLEN', '~', most_notes, '*', 'request', ARGV[at], 'entry', ARGV[at + 1],
    'question', ARGV[at + 2], 'label', ARGV[at + 3], 'score', ARGV[at + 4])
end
if #ARGV > 5 + 2 * labels then redis.call('EXPIRE', served, served_life) end
return 1
