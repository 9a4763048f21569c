-- grant_lease() of workers/health/limits/rate_budget.py, on the fleet's bucket. A dimension without a limit is passed as -1.
-- KEYS[1]: hash {requests, tokens, at}
-- ARGV: rpm, tpm, burst_s, lease_s, tokens, returned_requests, returned_tokens, remaining_requests, remaining_tokens
-- Returns {requests, tokens, wait_s} as text, since Lua's numbers would lose their fractions.
local rpm, tpm, burst_s, lease_s = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted = tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6

local function capacity(per_minute)
  return per_minute < 0 and math.huge or math.max(1, per_minute / 60 * burst_s)
end

local kept = redis.call('HMGET', KEYS[1], 'requests', 'tokens', 'at')
local passed_s = math.max(0, now - (tonumber(kept[3]) or now))

local function refilled(kept_amount, per_minute, back, left)
  if per_minute < 0 then return math.huge end
  local amount = tonumber(kept_amount) or capacity(per_minute)
  amount = math.min(capacity(per_minute), amount + back + per_minute / 60 * passed_s)
  return left < 0 and amount or math.min(amount, left)
end

local function wait_for(amount, needed, per_minute)
  return per_minute < 0 and 0 or math.max(0, (needed - amount) / (per_minute / 60))
end

local requests = refilled(kept[1], rpm, tonumber(ARGV[6]), tonumber(ARGV[8]))
local tokens = refilled(kept[2], tpm, tonumber(ARGV[7]), tonumber(ARGV[9]))
local needed = math.min(wanted, capacity(tpm))
local wait_s = math.max(wait_for(requests, 1, rpm), wait_for(tokens, needed, tpm))
local leased_requests, leased_tokens = 0, 0
if wait_s == 0 then
  leased_requests = rpm < 0 and 0 or math.max(1, math.min(requests, math.floor(rpm / 60 * lease_s)))
  leased_tokens = tpm < 0 and 0 or math.max(wanted, math.min(tokens, tpm / 60 * lease_s))
end
local function text(number) return string.format('%.6f', number) end
if rpm >= 0 then redis.call('HSET', KEYS[1], 'requests', text(requests - leased_requests)) end
if tpm >= 0 then redis.call('HSET', KEYS[1], 'tokens', text(tokens - leased_tokens)) end
redis.call('HSET', KEYS[1], 'at', text(now))
redis.call('EXPIRE', KEYS[1], 120)
return {text(leased_requests), text(leased_tokens), text(wait_s)}
