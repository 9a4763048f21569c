"""Sliding window of the last minutes for the live page: usage events, folded in constant memory."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from observability.ledger.schema import savings_of, unsplit_saving
from observability.pricing.savings import total
from producers.contract import UsageEvent

MINUTES: Final = 30
TRACES: Final = 20
DECISIONS: Final = 20
_MINUTE_MS: Final = 60_000
_RECENT_MS: Final = 60_000
_MOST_RECENT: Final = 20_000


@dataclass(slots=True)
class Minute:
    """One minute's sums; money in micro-dollars."""

    requests: int = 0
    failed: int = 0
    hits: int = 0
    cost: Decimal = Decimal(0)
    saved: Decimal = Decimal(0)
    batches_saved: dict[str, Decimal] = field(default_factory=dict)
    """By deployment: the batch part of `saved`."""


@dataclass(frozen=True, slots=True)
class RecentRequest:
    """What is kept of a request for the figures of the last 60 seconds."""

    at_ms: int
    tier: str
    done: bool
    result: str
    total_ms: float
    attempts: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class LiveWindow:
    """Add events in any order; ask for a snapshot at any time.

    What claims to come from the future counts as of now: it would push out what is shown.
    """

    minutes: dict[int, Minute] = field(default_factory=dict)
    recent: deque[RecentRequest] = field(default_factory=lambda: deque(maxlen=_MOST_RECENT))
    traces: deque[UsageEvent] = field(default_factory=lambda: deque(maxlen=TRACES))
    decisions: deque[UsageEvent] = field(default_factory=lambda: deque(maxlen=DECISIONS))
    """About rollouts, the latest first."""

    def add(self, event: UsageEvent, now_ms: int) -> None:
        """Fold one request in, or of a call that no caller asked for the money."""
        at_ms = min(event.at_ms, now_ms)
        minute = self.minutes.setdefault(at_ms // _MINUTE_MS, Minute())
        minute.cost += event.cost_micro_usd or 0
        savings = savings_of(event)
        minute.saved += total(savings) + unsplit_saving(event)
        if savings.batch and event.deployment is not None:
            name = event.deployment
            minute.batches_saved[name] = minute.batches_saved.get(name, Decimal(0)) + savings.batch
        if event.aside == "rollout":
            self.decisions.appendleft(event)
        elif event.aside is None:
            self._add_request(event, at_ms, minute)
        for old in sorted(self.minutes)[:-MINUTES]:
            del self.minutes[old]

    def _add_request(self, event: UsageEvent, at_ms: int, minute: Minute) -> None:
        minute.requests += 1
        minute.failed += event.outcome != "done"
        minute.hits += event.cache.result == "hit"
        self.traces.appendleft(event)
        self.recent.append(
            RecentRequest(
                at_ms,
                event.tier,
                event.outcome == "done",
                event.cache.result,
                event.timings.total_ms,
                tuple((a.deployment, a.outcome) for a in event.attempts),
            )
        )

    def snapshot(self, now_ms: int, trace_url: str) -> dict[str, Any]:
        """As the page gets it: JSON, money as micro-dollars in strings."""
        while self.recent and self.recent[0].at_ms < now_ms - _RECENT_MS:
            self.recent.popleft()
        return {
            "now_ms": now_ms,
            "minutes": [self._minute(now_ms // _MINUTE_MS - n) for n in range(MINUTES - 1, -1, -1)],
            "tiers": _tiers(self.recent),
            "deployments": _deployments(self.recent),
            "cache": _counted(entry.result for entry in self.recent),
            "batches_saved": _batches_saved(self.minutes.values()),
            "decisions": [
                {"at_ms": event.at_ms, "tier": event.tier, "what": event.summary or ""}
                for event in self.decisions
            ],
            "traces": [_trace(event, trace_url) for event in self.traces],
        }

    def _minute(self, number: int) -> dict[str, Any]:
        minute = self.minutes.get(number, Minute())
        return {
            "at_ms": number * _MINUTE_MS,
            "requests": minute.requests,
            "failed": minute.failed,
            "hits": minute.hits,
            "cost": str(minute.cost),
            "saved": str(minute.saved),
        }


def _batches_saved(minutes: Iterable[Minute]) -> dict[str, str]:
    """By deployment, over all minutes."""
    saved: dict[str, Decimal] = {}
    for minute in minutes:
        for name, part in minute.batches_saved.items():
            saved[name] = saved.get(name, Decimal(0)) + part
    return {name: str(part) for name, part in sorted(saved.items())}


def _tiers(recent: Sequence[RecentRequest]) -> dict[str, dict[str, float]]:
    grouped: dict[str, list[RecentRequest]] = {}
    for entry in recent:
        grouped.setdefault(entry.tier, []).append(entry)
    return {tier: _tier(entries) for tier, entries in sorted(grouped.items())}


def _tier(entries: Sequence[RecentRequest]) -> dict[str, float]:
    times = sorted(entry.total_ms for entry in entries)
    return {
        "per_s": len(entries) / (_RECENT_MS / 1000),
        "failed": sum(not entry.done for entry in entries),
        "hits": sum(entry.result == "hit" for entry in entries),
        "p50_ms": times[len(times) // 2],
        "p95_ms": times[min(len(times) - 1, int(len(times) * 0.95))],
    }


def _deployments(recent: Sequence[RecentRequest]) -> dict[str, Mapping[str, int]]:
    outcomes: dict[str, list[str]] = {}
    for entry in recent:
        for deployment, outcome in entry.attempts:
            outcomes.setdefault(deployment, []).append(outcome)
    return {name: _counted(listed) for name, listed in sorted(outcomes.items())}


def _counted(values: Any) -> dict[str, int]:  # noqa: ANN401 (any iterable of strings)
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _trace(event: UsageEvent, trace_url: str) -> dict[str, Any]:
    return {
        "id": event.id,
        "at_ms": event.at_ms,
        "tenant": event.tenant,
        "tier": event.tier,
        "deployment": event.deployment,
        "outcome": event.outcome,
        "cache": event.cache.result,
        "attempts": len(event.attempts),
        "total_ms": round(event.timings.total_ms, 1),
        "cost": None if event.cost_micro_usd is None else str(event.cost_micro_usd),
        "url": trace_url.replace("{trace_id}", event.trace_id) if event.trace_id else None,
    }
