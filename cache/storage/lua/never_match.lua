-- Notes that two questions share no answer. Bounded: the latest pairs of a question, the latest
-- questions of a tenant.
-- KEYS: nevers (question -> when), the prefix of a question's list.
-- ARGV: now and life in seconds, most pairs, most questions, then the two questions
local nevers, prefix = KEYS[1], KEYS[2]
local now, life, pairs_kept, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function mark(question, other)
  local kept = { other }
  for old in string.gmatch(redis.call('GET', prefix .. question) or '', '%S+') do
    if old ~= other and #kept < pairs_kept then kept[#kept + 1] = old end
  end
  redis.call('SET', prefix .. question, table.concat(kept, ' '), 'EX', life)
  redis.call('ZADD', nevers, now, question)
end
mark(ARGV[5], ARGV[6])
mark(ARGV[6], ARGV[5])
redis.call('EXPIRE', nevers, life)
while redis.call('ZCARD', nevers) > most do
  redis.call('UNLINK', prefix .. redis.call('ZPOPMIN', nevers)[1])
end
return 1
