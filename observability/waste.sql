-- Which waste does the ledger show? One query for each kind of evidence in waste.py, whose fields
-- its columns are, in order. A kind needs at least 3 cases; the 20 largest are shown.

-- name: RepeatedPrefix
-- No provider caches a prefix below 1,024 tokens; an unused one is kept for 5 minutes by default.
WITH seen AS (
    SELECT tenant, provider, model, prefix_hash, prefix_tokens, cache_read,
        at_ms - lag(at_ms) OVER (PARTITION BY tenant, deployment, prefix_hash ORDER BY at_ms) AS gap
    FROM usage
    WHERE at_ms >= $start AND at_ms < $end
        AND prefix_tokens >= 1024 AND model IS NOT NULL AND input_uncached > 0
)
SELECT tenant, provider, model,
    count(*) FILTER (gap <= 300_000 AND cache_read < prefix_tokens // 2) AS repeats,
    count(*) FILTER (gap IS NULL OR gap > 300_000) AS bursts,
    max(prefix_tokens) AS tokens
FROM seen
GROUP BY tenant, provider, model, prefix_hash
HAVING repeats >= 3
ORDER BY repeats * tokens DESC LIMIT 20

-- name: MissedDuplicate
-- Repeats of a prompt within a day of its last answer.
WITH seen AS (
    SELECT tenant, coalesce(cache_reason, cache_result) AS reason, cache_result, cost,
        at_ms - lag(at_ms) OVER (PARTITION BY tenant, prompt_hash ORDER BY at_ms) AS gap
    FROM usage
    WHERE at_ms >= $start AND at_ms < $end AND aside IS NULL
        AND prompt_hash IS NOT NULL AND outcome = 'done'
)
SELECT tenant, reason, count(*) AS repeats, sum(cost) AS paid
FROM seen
WHERE gap <= 86_400_000 AND cache_result <> 'hit' AND cost > 0
GROUP BY tenant, reason
HAVING repeats >= 3
ORDER BY paid DESC LIMIT 20

-- name: FailedAttempts
WITH tries AS (
    SELECT unnest(from_json(
        attempts, '[{"deployment": "VARCHAR", "outcome": "VARCHAR", "cost_micro_usd": "VARCHAR"}]'
    )) AS a
    FROM usage
    WHERE at_ms >= $start AND at_ms < $end AND failed_cost > 0
)
SELECT a.deployment, a.outcome, count(*), sum(a.cost_micro_usd::DECIMAL(38, 6)) AS paid
FROM tries
WHERE a.outcome <> 'ok' AND a.cost_micro_usd IS NOT NULL
GROUP BY 1, 2
HAVING paid > 0
ORDER BY paid DESC LIMIT 20

-- name: Truncated
SELECT tenant, model, count(*) FILTER (finish_reason = 'length') AS cut, count(*),
    coalesce(sum(cost) FILTER (finish_reason = 'length'), 0) AS paid,
    mode(max_tokens) FILTER (finish_reason = 'length')
FROM usage
WHERE at_ms >= $start AND at_ms < $end AND aside IS NULL
    AND outcome = 'done' AND model IS NOT NULL
GROUP BY tenant, model
HAVING cut >= 3
ORDER BY paid DESC LIMIT 20

-- name: UnusedContext
-- Where more than half of the context's tokens left no trace.
SELECT tenant, provider, model, count(*) AS requests,
    round(sum(context_tokens * (1 - context_used_share)))::BIGINT AS unused
FROM usage
WHERE at_ms >= $start AND at_ms < $end AND context_used_share IS NOT NULL AND model IS NOT NULL
GROUP BY tenant, provider, model
HAVING requests >= 3 AND 2 * unused > sum(context_tokens)
ORDER BY unused DESC LIMIT 20

-- name: OversizedLimit
-- A limit that is four times what 99 % of at least 100 answers needed.
SELECT tenant, model, count(*) AS requests, max_tokens, quantile_disc(output, 0.99) AS p99
FROM usage
WHERE at_ms >= $start AND at_ms < $end AND aside IS NULL
    AND outcome = 'done' AND max_tokens IS NOT NULL AND model IS NOT NULL
GROUP BY tenant, model, max_tokens
HAVING requests >= 100 AND max_tokens > 4 * greatest(p99, 64)
ORDER BY requests DESC LIMIT 5
