"""Which columns does the ledger have, and how does a usage event fill them?

Money is DECIMAL(38,6) micro-dollars: exact sums, to a millionth of a micro-dollar.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from observability.savings import of_hit, total
from producers.messages import Attempt, Savings, UsageEvent

Value: TypeAlias = str | int | float | bool | Decimal | None

MONEY: Final = "DECIMAL(38,6)"
_NO_SAVINGS: Final = Savings()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `usage`; kind is DuckDB's type."""

    name: str
    kind: str
    of: Callable[[UsageEvent], Value]


def failed_cost(event: UsageEvent) -> Decimal:
    """What was paid for attempts that gave no answer."""
    paid = (a.cost_micro_usd for a in event.attempts if a.outcome != "ok")
    return sum((cost for cost in paid if cost is not None), Decimal(0))


def attempts_json(attempts: Sequence[Attempt]) -> str:
    """The attempts as a JSON list."""
    return "[" + ",".join(a.model_dump_json(exclude_none=True) for a in attempts) + "]"


def savings_of(event: UsageEvent) -> Savings:
    """As the worker split them; for a cache hit that it didn't, all is the cache's."""
    if event.savings is not None:
        return event.savings
    if event.cache.result == "hit" and event.baseline_micro_usd is not None:
        return of_hit(event.baseline_micro_usd, event.cache.saved_micro_usd)
    return _NO_SAVINGS


def unsplit_saving(event: UsageEvent) -> Decimal:
    """Baseline less cost where nobody said which means saved it."""
    baseline, cost = event.baseline_micro_usd, event.cost_micro_usd
    if baseline is None or cost is None:
        return Decimal(0)
    return baseline - cost - total(savings_of(event))


COLUMNS: Final[tuple[Column, ...]] = (
    Column("id", "VARCHAR", lambda e: e.id),
    Column("tenant", "VARCHAR", lambda e: e.tenant),
    Column("at_ms", "BIGINT", lambda e: e.at_ms),
    Column("outcome", "VARCHAR", lambda e: e.outcome),
    Column("tier", "VARCHAR", lambda e: e.tier),
    Column("zone", "VARCHAR", lambda e: e.zone),
    Column("deployment", "VARCHAR", lambda e: e.deployment),
    Column("provider", "VARCHAR", lambda e: e.provider),
    Column("model", "VARCHAR", lambda e: e.model),
    Column("task", "VARCHAR", lambda e: e.task),
    Column("tags", "JSON", lambda e: json.dumps(e.tags, sort_keys=True)),
    Column("latency", "VARCHAR", lambda e: e.latency),
    Column("stream", "BOOLEAN", lambda e: e.stream),
    Column("input_uncached", "BIGINT", lambda e: e.usage.input_uncached),
    Column("cache_read", "BIGINT", lambda e: e.usage.cache_read),
    Column("cache_write_5m", "BIGINT", lambda e: e.usage.cache_write_5m),
    Column("cache_write_1h", "BIGINT", lambda e: e.usage.cache_write_1h),
    Column("output", "BIGINT", lambda e: e.usage.output),
    Column("reasoning", "BIGINT", lambda e: e.usage.reasoning),
    Column("cost", MONEY, lambda e: e.cost_micro_usd),
    Column("baseline", MONEY, lambda e: e.baseline_micro_usd),
    Column("failed_cost", MONEY, failed_cost),
    Column("saved_routing", MONEY, lambda e: savings_of(e).routing),
    Column("saved_cloud", MONEY, lambda e: savings_of(e).cloud),
    Column("saved_prompt_cache", MONEY, lambda e: savings_of(e).prompt_cache),
    Column("saved_batch", MONEY, lambda e: savings_of(e).batch),
    Column("saved_cache", MONEY, lambda e: savings_of(e).cache),
    Column("saved_retries", MONEY, lambda e: savings_of(e).retries),
    Column("saved_judge", MONEY, lambda e: savings_of(e).judge),
    Column("saved_unsplit", MONEY, unsplit_saving),
    Column("price_version", "VARCHAR", lambda e: e.price_version),
    Column("cache_result", "VARCHAR", lambda e: e.cache.result),
    Column("cache_step", "VARCHAR", lambda e: e.cache.step),
    Column("cache_reason", "VARCHAR", lambda e: e.cache.reason),
    Column("attempts", "JSON", lambda e: attempts_json(e.attempts)),
    Column("attempt_count", "INTEGER", lambda e: len(e.attempts)),
    Column("queued_ms", "DOUBLE", lambda e: e.timings.queued_ms),
    Column("first_token_ms", "DOUBLE", lambda e: e.timings.first_token_ms),
    Column("total_ms", "DOUBLE", lambda e: e.timings.total_ms),
    Column("finish_reason", "VARCHAR", lambda e: e.finish_reason),
    Column("max_tokens", "BIGINT", lambda e: e.max_tokens),
    Column("prompt_hash", "VARCHAR", lambda e: e.prompt_hash),
    Column("prefix_hash", "VARCHAR", lambda e: e.prefix_hash),
    Column("prefix_tokens", "BIGINT", lambda e: e.prefix_tokens),
    Column("unsupported_share", "DOUBLE", lambda e: e.unsupported_share),
    Column("context_tokens", "BIGINT", lambda e: e.context_tokens),
    Column("context_used_share", "DOUBLE", lambda e: e.context_used_share),
    Column("aside", "VARCHAR", lambda e: e.aside),
    Column("judged_model", "VARCHAR", lambda e: None if e.judged is None else e.judged.model),
    Column(
        "judged_supported", "BOOLEAN", lambda e: None if e.judged is None else e.judged.supported
    ),
    Column("redelivered", "BOOLEAN", lambda e: e.redelivered),
    Column("trace_id", "VARCHAR", lambda e: e.trace_id),
)

TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS usage (
    {", ".join(f"{c.name} {c.kind}" for c in COLUMNS)}, PRIMARY KEY (id)
);
CREATE TABLE IF NOT EXISTS positions (
    topic VARCHAR, part INTEGER, next_offset BIGINT, PRIMARY KEY (topic, part)
);
CREATE TABLE IF NOT EXISTS unreadable (
    topic VARCHAR, part INTEGER, record_offset BIGINT, problem VARCHAR, raw BLOB,
    PRIMARY KEY (topic, part, record_offset)
);
"""

INSERT: Final = (
    f"INSERT INTO usage ({', '.join(c.name for c in COLUMNS)}) "
    f"SELECT {', '.join(f'unnest(?::{c.kind}[])' for c in COLUMNS)} ON CONFLICT DO NOTHING"
)
"""One column a parameter, as a list: 100 times faster than one row a statement."""


def columns_of(events: Sequence[UsageEvent]) -> list[list[Value]]:
    """The parameters of INSERT."""
    return [[column.of(event) for event in events] for column in COLUMNS]
