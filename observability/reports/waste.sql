-- Which waste does the ledger show? One query for each kind of evidence in waste.py, whose fields
-- its columns are, in order. A kind needs at least 3 cases; the 20 largest are shown.
-- Every store understands it; what they say differently is in braces (ledger.Dialect).

-- name: RepeatedPrefix
-- No provider caches a prefix below 1,024 tokens; an unused one is kept for 5 minutes by default.
-- Its length is an estimate, so no longer than the shortest prompt that began with it.
WITH seen AS (
    SELECT tenant, provider, model, prefix_hash, cache_read,
        cache_read + cache_write_5m + cache_write_1h AS cached,
        least(
            prefix_tokens,
            input_uncached + cache_read + cache_write_5m + cache_write_1h
            + coalesce(input_audio, 0) + coalesce(input_audio_cached, 0) + coalesce(input_image, 0)
        ) AS size,
        at_ms - max(at_ms) OVER (
            PARTITION BY tenant, deployment, prefix_hash ORDER BY at_ms, id
            ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING
        ) AS gap
    FROM usage
    WHERE {period} AND prefix_tokens >= 1024 AND model IS NOT NULL AND input_uncached > 0
),
prefixes AS (
    SELECT tenant, provider, model, prefix_hash,
        count(*) FILTER (WHERE gap <= 300000 AND 2 * cache_read < size) AS repeats,
        count(*) FILTER (WHERE (gap IS NULL OR gap > 300000) AND cached = 0) AS bursts,
        min(size) AS tokens
    FROM seen
    WHERE size >= 1024
    GROUP BY tenant, provider, model, prefix_hash
)
SELECT tenant, provider, model, repeats, bursts, tokens
FROM prefixes
WHERE repeats >= 3
ORDER BY repeats * tokens DESC, tenant, provider, model, prefix_hash LIMIT 20

-- name: MissedDuplicate
-- Repeats of a prompt, in the same tier, within a day of its last answer. What the cache left alone
-- for safety, or on the caller's word, is no waste: another asker must not get that answer.
WITH seen AS (
    SELECT tenant, coalesce(cache_reason, cache_result) AS reason, cache_result, cost,
        at_ms - max(at_ms) OVER (
            PARTITION BY tenant, tier, prompt_hash ORDER BY at_ms, id
            ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING
        ) AS gap
    FROM usage
    WHERE {period} AND aside IS NULL AND prompt_hash IS NOT NULL AND outcome = 'done'
),
missed AS (
    SELECT tenant, reason, count(*) AS repeats, sum(cost) AS paid
    FROM seen
    WHERE gap <= 86400000 AND cache_result <> 'hit' AND cost > 0
        AND (reason IS NULL OR (
            left(reason, 6) <> 'about ' AND left(reason, 14) <> 'perhaps about '
            AND left(reason, 13) <> 'a long number' AND left(reason, 14) <> 'kept only when'
            AND left(reason, 12) <> 'language not' AND left(reason, 8) <> 'closed: '
            AND left(reason, 16) <> 'the kept answer '
        ))
    GROUP BY tenant, reason
)
SELECT tenant, reason, repeats, paid
FROM missed
WHERE repeats >= 3
ORDER BY paid DESC, tenant, reason LIMIT 20

-- name: FailedAttempts
WITH tries AS (
    SELECT {deployment} AS deployment, {outcome} AS outcome, {cost} AS cost
    FROM {attempts}
    WHERE {period} AND failed_cost > 0
)
SELECT deployment, outcome, count(*), sum(cost) AS paid
FROM tries
WHERE outcome <> 'ok' AND cost IS NOT NULL
GROUP BY deployment, outcome
HAVING sum(cost) > 0
ORDER BY paid DESC, deployment, outcome LIMIT 20

-- name: Truncated
-- With the limit that cut most of them, the smallest of equals.
WITH limits AS (
    SELECT tenant, model, max_tokens, count(*) AS answers,
        count(*) FILTER (WHERE finish_reason = 'length') AS cut,
        sum(cost) FILTER (WHERE finish_reason = 'length') AS paid
    FROM usage
    WHERE {period} AND aside IS NULL AND outcome = 'done' AND model IS NOT NULL
    GROUP BY tenant, model, max_tokens
),
ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY tenant, model ORDER BY max_tokens IS NULL, cut DESC, max_tokens
    ) AS place
    FROM limits
),
models AS (
    SELECT tenant, model, sum(cut) AS all_cut, sum(answers) AS all_answers,
        coalesce(sum(paid), 0) AS all_paid,
        max(max_tokens) FILTER (WHERE place = 1 AND cut > 0) AS usual_limit
    FROM ranked
    GROUP BY tenant, model
)
SELECT tenant, model, CAST(all_cut AS BIGINT), CAST(all_answers AS BIGINT), all_paid, usual_limit
FROM models
WHERE all_cut >= 3
ORDER BY all_paid DESC, tenant, model LIMIT 20

-- name: UnusedContext
-- Where more than half of the context's tokens left no trace; a part of them was cheap to read.
WITH unread AS (
    SELECT tenant, provider, model, context_tokens, cache_read,
        context_tokens * (1 - context_used_share) AS unused,
        input_uncached + cache_read + cache_write_5m + cache_write_1h
        + coalesce(input_audio, 0) + coalesce(input_audio_cached, 0) + coalesce(input_image, 0) AS prompt
    FROM usage
    WHERE {period} AND aside IS NULL AND context_used_share IS NOT NULL AND model IS NOT NULL
),
contexts AS (
    SELECT tenant, provider, model, count(*) AS requests, sum(context_tokens) AS tokens,
        sum(unused) AS unused, coalesce(sum(unused * cache_read / nullif(prompt, 0)), 0) AS cached
    FROM unread
    GROUP BY tenant, provider, model
)
SELECT tenant, provider, model, requests, CAST(floor(unused + 0.5) AS BIGINT),
    CAST(floor(cached + 0.5) AS BIGINT)
FROM contexts
WHERE requests >= 3 AND 2 * unused > tokens
ORDER BY unused DESC, tenant, provider, model LIMIT 20

-- name: OversizedLimit
-- A limit that is four times what 99 % of at least 100 answers needed.
WITH lengths AS (
    SELECT tenant, model, max_tokens, output + coalesce(output_audio, 0) AS written,
        count(*) AS answers
    FROM usage
    WHERE {period} AND aside IS NULL
        AND outcome = 'done' AND max_tokens IS NOT NULL AND model IS NOT NULL
    GROUP BY tenant, model, max_tokens, output + coalesce(output_audio, 0)
),
ranked AS (
    SELECT tenant, model, max_tokens, written,
        sum(answers) OVER (PARTITION BY tenant, model, max_tokens ORDER BY written) AS upto,
        sum(answers) OVER (PARTITION BY tenant, model, max_tokens) AS requests
    FROM lengths
),
limits AS (
    SELECT tenant, model, CAST(max(requests) AS BIGINT) AS in_all, max_tokens, min(written) AS p99
    FROM ranked
    WHERE 100 * upto >= 99 * requests
    GROUP BY tenant, model, max_tokens
)
SELECT tenant, model, in_all, max_tokens, p99
FROM limits
WHERE in_all >= 100 AND max_tokens > 4 * p99 AND max_tokens > 256
ORDER BY in_all DESC, tenant, model, max_tokens LIMIT 5
