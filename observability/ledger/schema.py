"""Ledger schema: the columns of `usage` and its key. How does a usage event fill them?

Money is DECIMAL(38,6) micro-dollars: exact sums, to a millionth of a micro-dollar. The key is
(tenant, id, kind, at_ms): ids are the callers' own, so two tenants may use the same one, a caller
may choose one that the call to judge another request has, and may use it again. An account that is
told twice is told with the same time; another time is another run, which was paid too.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final, TypeAlias

from observability.pricing.savings import hit_savings, total
from producers.contract import Attempt, Savings, UsageEvent

Value: TypeAlias = str | int | float | bool | Decimal | None

MONEY: Final = "DECIMAL(38,6)"
_MILLIONTH: Final = Decimal("0.000001")
_MONEY: Final = Context(prec=38, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_NO_SAVINGS: Final = Savings()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `usage`."""

    name: str
    sql_type: str
    """As DuckDB calls it; a store may have a name of its own."""
    value_of: Callable[[UsageEvent], Value]


KEY: Final = ("tenant", "id", "kind", "at_ms")
"""The columns of `usage` of which no two rows have the same."""
REQUEST: Final = "request"
"""The kind of a caller's own request; that of a background call is its purpose (`aside`)."""
EventKey: TypeAlias = tuple[str, str, str, int]


def event_key(event: UsageEvent) -> EventKey:
    """The values of KEY: two events with the same ones are the same account, told twice."""
    return event.tenant, event.id, event.aside or REQUEST, event.at_ms


def older_kind(present: Collection[str]) -> str:
    """In SQL: the kind of a row booked when the id alone was the key. present: its columns."""
    return f"coalesce(aside, '{REQUEST}')" if "aside" in present else f"'{REQUEST}'"


def failed_cost(event: UsageEvent) -> Decimal:
    """What was paid for attempts that gave no answer."""
    paid = (a.cost_micro_usd for a in event.attempts if a.outcome != "ok")
    return sum((cost for cost in paid if cost is not None), Decimal(0))


def attempts_json(attempts: Sequence[Attempt]) -> str:
    """The attempts as a JSON list; their costs as exact as a column's."""
    return "[" + ",".join(_kept(a).model_dump_json(exclude_none=True) for a in attempts) + "]"


def _kept(attempt: Attempt) -> Attempt:
    cost = attempt.cost_micro_usd
    money = None if cost is None else exact(cost)
    return attempt.model_copy(
        update={"outcome": without_nul(attempt.outcome), "cost_micro_usd": money}
    )


def tags_json(tags: Mapping[str, str]) -> str:
    """The tags as a JSON object, in the order of their names."""
    return json.dumps({without_nul(k): without_nul(v) for k, v in tags.items()}, sort_keys=True)


def residency_text(zones: Sequence[str] | None) -> str | None:
    """The zones in their order, with commas between; None: any zone."""
    return None if zones is None else ",".join(without_nul(zone) for zone in zones)


def savings_of(event: UsageEvent) -> Savings:
    """As the worker split them; for a cache hit that it didn't, all is the cache's."""
    if event.savings is not None:
        return event.savings
    if event.cache.result == "hit" and event.baseline_micro_usd is not None:
        return hit_savings(event.baseline_micro_usd, event.cache.saved_micro_usd)
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
    Column("kind", "VARCHAR", lambda e: e.aside or REQUEST),
    Column("at_ms", "BIGINT", lambda e: e.at_ms),
    Column("outcome", "VARCHAR", lambda e: e.outcome),
    Column("tier", "VARCHAR", lambda e: e.tier),
    Column("zone", "VARCHAR", lambda e: e.zone),
    Column("deployment", "VARCHAR", lambda e: e.deployment),
    Column("provider", "VARCHAR", lambda e: e.provider),
    Column("model", "VARCHAR", lambda e: e.model),
    Column("task", "VARCHAR", lambda e: e.task),
    Column("tags", "JSON", lambda e: tags_json(e.tags)),
    Column("latency", "VARCHAR", lambda e: e.latency),
    Column("stream", "BOOLEAN", lambda e: e.stream),
    Column("input_uncached", "BIGINT", lambda e: e.usage.input_uncached),
    Column("cache_read", "BIGINT", lambda e: e.usage.cache_read),
    Column("cache_write_5m", "BIGINT", lambda e: e.usage.cache_write_5m),
    Column("cache_write_1h", "BIGINT", lambda e: e.usage.cache_write_1h),
    Column("output", "BIGINT", lambda e: e.usage.output),
    Column("reasoning", "BIGINT", lambda e: e.usage.reasoning),
    Column("input_audio", "BIGINT", lambda e: e.usage.input_audio),
    Column("input_audio_cached", "BIGINT", lambda e: e.usage.input_audio_cached),
    Column("input_image", "BIGINT", lambda e: e.usage.input_image),
    Column("output_audio", "BIGINT", lambda e: e.usage.output_audio),
    Column("web_searches", "BIGINT", lambda e: e.usage.web_searches),
    Column("cost", MONEY, lambda e: e.cost_micro_usd),
    Column("baseline", MONEY, lambda e: e.baseline_micro_usd),
    Column("failed_cost", MONEY, failed_cost),
    Column("saved_routing", MONEY, lambda e: savings_of(e).routing),
    Column("saved_cloud", MONEY, lambda e: savings_of(e).cloud),
    Column("saved_prompt_cache", MONEY, lambda e: savings_of(e).prompt_cache),
    Column("saved_batch", MONEY, lambda e: savings_of(e).batch),
    Column("saved_cache", MONEY, lambda e: savings_of(e).cache),
    Column("saved_retries", MONEY, lambda e: savings_of(e).retries),
    Column("saved_hedges", MONEY, lambda e: savings_of(e).hedges),
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
    Column("rollout", "VARCHAR", lambda e: None if e.rollout is None else e.rollout.name),
    Column("rollout_arm", "VARCHAR", lambda e: None if e.rollout is None else e.rollout.arm),
    Column("redelivered", "BOOLEAN", lambda e: e.redelivered),
    Column("residency", "VARCHAR", lambda e: residency_text(e.residency)),
    Column("trace_id", "VARCHAR", lambda e: e.trace_id),
    Column("summary", "VARCHAR", lambda e: e.summary),
)


TRACEABLE: Final = ("prompt_hash", "prefix_hash", "trace_id")
"""What leads from a row to what was said."""

_NUMBERS: Final = tuple(c for c in COLUMNS if c.sql_type in {"BIGINT", "INTEGER", MONEY})
_TOO_MUCH: Final = Decimal(10**25)
"""Of ten million such sums the sum still has 38 digits."""
_TOO_LARGE: Final = 2**53
_YEAR_10000_MS: Final = 253_402_300_800_000
"""The sums of a row's integers stay below 64 bits, and JSON keeps them exact."""


def columns_of(events: Sequence[UsageEvent]) -> list[list[Value]]:
    """What the events put into each of COLUMNS."""
    return [[_storable(column.value_of(event)) for event in events] for column in COLUMNS]


def problem_of(event: UsageEvent) -> str | None:
    """Why no store or page can keep it, if it's so.

    An integer of 2**53 or more, money of 10**25, a time that no calendar has.
    """
    large = [column.name for column in _NUMBERS if not _fits(column.value_of(event))]
    large += ["attempts" for a in event.attempts if not _fits(a.cost_micro_usd)]
    name = next(iter(large), None)
    if name is not None:
        return f"usageevent: {name}: too large a number for the ledger"
    if not 0 <= event.at_ms < _YEAR_10000_MS:
        return "usageevent: at_ms: neither before 1970 nor after 9999 can it have been"
    return None


def exact(money: Decimal) -> Decimal:
    """To a millionth of a micro-dollar, half away from zero; InvalidOperation beyond 38 digits."""
    return money.quantize(_MILLIONTH, context=_MONEY)


def _storable(value: Value) -> Value:
    match value:
        case Decimal():
            return exact(value)
        case str():
            return without_nul(value)
        case _:
            return value


def without_nul(text: str) -> str:
    """Postgres keeps no NUL in a text."""
    return text.replace("\0", "\ufffd")


def _fits(value: Value) -> bool:
    match value:
        case Decimal():
            return value.copy_abs() < _TOO_MUCH
        case int():
            return abs(value) < _TOO_LARGE
        case _:
            return True
