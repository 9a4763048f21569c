"""What did the demo's requests cost, how fast were they, and was one lost?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import quantiles
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dev.demo_traffic import Answer
from producers.contract import Done

_MICRO: Final = Decimal(1_000_000)
_FROM_CACHE: Final = "(cache)"


def summary(answers: Sequence[Answer], asked: int, finals: Mapping[str, int]) -> dict[str, Any]:
    """The figures of `var/demo.json`. finals: final replies on the topic, by request id.

    A request is lost when its client got no reply, a duplicate is one more final reply.
    """
    done = [answer.reply for answer in answers if isinstance(answer.reply, Done)]
    cost, baseline = _cost(done), _baseline(done)
    ids = [answer.request.id for answer in answers]
    return {
        "requests": asked,
        "replies": len(answers),
        "failed": len(answers) - len(done),
        "lost": asked - len(answers),
        "duplicates": sum(max(0, finals[name] - 1) for name in ids),
        "cache_hits": _hits(done),
        "cost_usd": float(cost),
        "baseline_usd": float(baseline),
        "saved_pct": _saved_pct(cost, baseline),
        "tiers": dict(Counter(reply.route.tier for reply in done)),
        **_percentiles(answer.took_ms for answer in answers),
    }


def table(answers: Sequence[Answer], title: str) -> Table:
    """By tier and deployment. premium: the cost had all gone to the baseline model."""
    drawn = Table(title=title, box=SIMPLE_HEAD, show_edge=False, padding=0)
    drawn.add_column("tier", no_wrap=True)
    drawn.add_column("deployment", no_wrap=True)
    for name in ("asked", "hits", "p50 ms", "p99 ms", "cost $", "premium", "saved"):
        drawn.add_column(name, justify="right", no_wrap=True)
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault(_group(answer), []).append(answer)
    for names, members in sorted(groups.items()):
        drawn.add_row(*names, *_figures(members))
    drawn.add_section()
    drawn.add_row("all", "", *_figures(answers), style="bold")
    return drawn


def _group(answer: Answer) -> tuple[str, str]:
    match answer.reply:
        case Done(route=route):
            return route.tier, route.deployment or _FROM_CACHE
        case failed:
            return "failed", failed.code


def _figures(answers: Sequence[Answer]) -> tuple[str, ...]:
    done = [answer.reply for answer in answers if isinstance(answer.reply, Done)]
    cost, baseline = _cost(done), _baseline(done)
    times = _percentiles(answer.took_ms for answer in answers)
    return (
        str(len(answers)),
        str(_hits(done)),
        f"{times['p50_ms']:,.0f}",
        f"{times['p99_ms']:,.0f}",
        f"{cost:.4f}",
        f"{baseline:.4f}",
        f"{_saved_pct(cost, baseline):.1f}%",
    )


def _hits(done: Iterable[Done]) -> int:
    return sum(reply.cache.result == "hit" for reply in done)


def _cost(done: Iterable[Done]) -> Decimal:
    return sum((reply.cost_micro_usd or Decimal(0) for reply in done), Decimal(0)) / _MICRO


def _baseline(done: Iterable[Done]) -> Decimal:
    return sum((reply.baseline_micro_usd or Decimal(0) for reply in done), Decimal(0)) / _MICRO


def _saved_pct(cost: Decimal, baseline: Decimal) -> float:
    return round(float(100 * (1 - cost / baseline)), 1) if baseline else 0.0


def _percentiles(times_ms: Iterable[float]) -> dict[str, float]:
    times = sorted(times_ms)
    if not times:
        return {"p50_ms": 0.0, "p99_ms": 0.0}
    cuts = quantiles([times[0], *times], n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1)}
