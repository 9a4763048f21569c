"""What did the callers and the primary feel in one scenario?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bench.resilience.load import Asked
from bench.resilience.scenario import DEADLINE_S, PRIMARY, Scenario

Calls: TypeAlias = Sequence[Mapping[str, Any]]
"""The simulator's ledger: what was called when, and how it ended."""
PriceOf: TypeAlias = Callable[[str, int, int], float]
"""US dollars of a call of a model with so many prompt and answer tokens."""
_WINDOW_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """One row. Shares 0..1, times in seconds, None = not seen or not meant to happen.

    p50_s, p99_s: of the answered requests. wasted: calls of the primary while it was of no use,
    after its first failure, as a share of the load. reroute_s: from the fault to the first call
    elsewhere; return_s: from the recovery until most calls go to the primary again. cost: paid,
    against serving each request by the cheapest deployment that could. load: the machine's load
    average over the run's last minute: above its cores, times are the machine's, not the system's.
    """

    system: str
    scenario: str
    requests: int
    answered: float
    p50_s: float | None
    p99_s: float | None
    wasted: float
    reroute_s: float | None
    return_s: float | None
    cost: float
    load: float
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a scenario left behind. Times: Unix seconds."""

    system: str
    scenario: Scenario
    asked: Sequence[Asked]
    calls: Calls
    fault_at: float
    undone_at: float
    load: float = 0


def figures(run: Run, price_of: PriceOf) -> Figures:
    """The row of one run."""
    good = [one for one in run.asked if _in_time(one)]
    latencies = sorted(one["ended"] - one["sent"] for one in good)
    outcomes: dict[str, int] = {}
    for one in run.asked:
        outcomes[one["outcome"]] = outcomes.get(one["outcome"], 0) + 1
    return Figures(
        system=run.system,
        scenario=run.scenario.name,
        requests=len(run.asked),
        answered=len(good) / len(run.asked),
        p50_s=_quantile(latencies, 0.5),
        p99_s=_quantile(latencies, 0.99),
        wasted=_wasted(run) / len(run.asked),
        reroute_s=_rerouted_after(run),
        return_s=_returned_after(run) if run.scenario.returns else None,
        cost=_paid(run.calls, price_of) / _ideal(run, price_of),
        load=run.load,
        outcomes=outcomes,
    )


def _in_time(one: Asked) -> bool:
    return one["outcome"] == "ok" and one["ended"] - one["sent"] <= DEADLINE_S


def _wasted(run: Run) -> int:
    calls = [
        call
        for call in run.calls
        if call["model"] == PRIMARY and run.fault_at <= call["at"] < run.undone_at
    ]
    if run.scenario.waste == "failed calls":
        calls = [call for call in calls if call["status"] != 200]
    return max(0, len(calls) - 1)


def _rerouted_after(run: Run) -> float | None:
    elsewhere = (
        call["at"] - run.fault_at
        for call in run.calls
        if call["model"] != PRIMARY and call["at"] >= run.fault_at
    )
    return next(elsewhere, None)


def _returned_after(run: Run) -> float | None:
    """From when on most of the calls of the next half second are the primary's."""
    after = [call for call in run.calls if call["at"] >= run.undone_at]
    for first in after:
        window = [call for call in after if 0 <= call["at"] - first["at"] < _WINDOW_S]
        if sum(call["model"] == PRIMARY for call in window) > len(window) / 2:
            return float(first["at"] - run.undone_at)
    return None


def _paid(calls: Calls, price_of: PriceOf) -> float:
    return sum(
        price_of(call["model"], call["input_tokens"], call["output_tokens"])
        for call in calls
        if call["status"] == 200
    )


def _ideal(run: Run, price_of: PriceOf) -> float:
    answered = [call for call in run.calls if call["status"] == 200]
    prompt = sum(call["input_tokens"] for call in answered) // max(1, len(answered))
    answer = sum(call["output_tokens"] for call in answered) // max(1, len(answered))
    primary = price_of(PRIMARY, prompt, answer)
    meanwhile = price_of(run.scenario.ideal, prompt, answer)
    share = run.scenario.primary_share
    during = sum(run.fault_at <= one["sent"] < run.undone_at for one in run.asked)
    during_cost = share * primary + (1 - share) * meanwhile
    return (len(run.asked) - during) * primary + during * during_cost


def _quantile(ordered: Sequence[float], q: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else None
