import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aiohttp import ClientSession

from observability.live_page.sources import (
    ProcessFigures,
    follow_processes,
    follow_usage,
    merge_scrape,
)
from observability.live_page.window import MINUTES, TRACES, LiveWindow
from observability.metrics.registry import MetricsRegistry
from observability.process_endpoint import process_endpoint
from producers.contract import Savings, codec
from producers.kafka.broker import Partition, Record
from tests.unit.observability.usage_events import START_MS, usage_event
from tests.waiting import until


@dataclass(frozen=True)
class Told(Record):
    """As aiokafka's records, which name their topic."""

    topic: str = "llm.usage"


ONE = """
switchgear_consumer_lag{group="g",topic="llm.requests",partition="0"} 3
switchgear_consumer_lag{group="g",topic="llm.requests",partition="1"} 4
switchgear_breaker_state{deployment="d"} 0
switchgear_batch_waiting{deployment="d"} 2
switchgear_batches_open{deployment="d",state="submitted"} 2
switchgear_batches_open{deployment="e",state="ended"} 1
switchgear_batch_slack_seconds{deployment="d"} 1000
"""
OTHER = """
switchgear_consumer_lag{group="g",topic="llm.requests",partition="2"} 5
switchgear_breaker_state{deployment="d"} 2
switchgear_in_flight{tier="economy"} 7
switchgear_batch_waiting{deployment="d"} 40
switchgear_batches_open{deployment="d",state="submitted"} 3
switchgear_batches_open{deployment="d",state="unheard"} 9
switchgear_batch_requests_open{deployment="d"} 900
switchgear_batch_oldest_seconds{deployment="d"} 61
switchgear_batch_slack_seconds{deployment="d"} 900
"""


def test_processes_add_up_and_the_worst_breaker_counts() -> None:
    scraped = ProcessFigures()
    merge_scrape(scraped, {"a:1": ONE, "b:1": OTHER, "c:1": None})
    assert scraped.snapshot() == {
        "lag": {"llm.requests": 12},
        "in_flight": {"economy": 7},
        "breakers": {"d": "open"},
        # of the fleet each process tells the same, sooner or later; what waits adds up
        "batches": {
            "d": {
                "waiting": 42,
                "states": {"formed": 0, "submitting": 0, "submitted": 3, "ended": 0},
                "requests": 900,
                "oldest_s": 61,
                "slack_s": 900,
            },
            "e": {
                "waiting": 0,
                "states": {"formed": 0, "submitting": 0, "submitted": 0, "ended": 1},
                "requests": 0,
                "oldest_s": None,
                "slack_s": None,
            },
        },
        "unreachable": ["c:1"],
    }


async def test_a_real_process_is_scraped_and_an_absent_one_is_told() -> None:
    metrics, scraped = MetricsRegistry(), ProcessFigures()
    metrics.set("switchgear_breaker_state", "d", to=1)
    with process_endpoint(metrics, 0, "127.0.0.1") as port:
        async with ClientSession() as session:
            addresses = [f"127.0.0.1:{port}", "127.0.0.1:9"]
            following = asyncio.create_task(follow_processes(session, addresses, scraped))
            await until(lambda: scraped.unreachable)
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
    assert scraped.breakers == {"d": "half_open"}
    assert scraped.unreachable == ["127.0.0.1:9"]


def test_the_page_keeps_minutes_and_traces_in_constant_memory() -> None:
    state = LiveWindow()
    for number in range(MINUTES + 20):
        at_ms = START_MS + number * 60_000
        state.add(usage_event(1).model_copy(update={"at_ms": at_ms}), at_ms)
    now_ms = START_MS + (MINUTES + 19) * 60_000
    shown = state.snapshot(now_ms, "http://t/{trace_id}")
    assert len(state.minutes) == len(shown["minutes"]) == MINUTES
    assert len(shown["traces"]) == TRACES
    assert shown["minutes"][-1]["requests"] == 1
    assert sum(tier["per_s"] for tier in shown["tiers"].values()) * 60 == 2
    assert shown["traces"][0]["url"] is None


def test_what_comes_from_the_future_pushes_nothing_out() -> None:
    state, honest = LiveWindow(), usage_event(1).model_copy(update={"at_ms": START_MS})
    state.add(honest, START_MS)
    for number in range(1, MINUTES + 20):
        ahead = {"at_ms": START_MS + number * 3_600_000}
        state.add(usage_event(1).model_copy(update=ahead), START_MS)
    shown = state.snapshot(START_MS, "")
    assert shown["minutes"][-1]["requests"] == MINUTES + 20
    later = state.snapshot(START_MS + 120_000, "")
    assert not later["tiers"]


async def test_a_record_that_no_page_can_show_is_left_out() -> None:
    class Consumer:
        def __aiter__(self) -> AsyncIterator[Record]:
            return told()

    async def told() -> AsyncIterator[Record]:
        absurd: list[dict[str, Any]] = [
            {"at_ms": 9 * 10**15 - 1},
            {"at_ms": -1},
            {"cost_micro_usd": Decimal("9E+999999")},
        ]
        for offset, changes in enumerate([*absurd, {"at_ms": START_MS}]):
            value = codec.encode(usage_event(1).model_copy(update=changes))
            place = Partition("llm.usage", 0)
            yield Told(place, offset, None, value, (), 0)

    state = LiveWindow()
    consumer: Any = Consumer()
    await follow_usage(consumer, state)
    assert len(state.traces) == 1


def test_the_page_tells_what_batches_saved() -> None:
    state, half = LiveWindow(), Savings(batch=Decimal(50))
    for minute in range(2):
        at_ms = START_MS + minute * 60_000
        changes = {"at_ms": at_ms, "savings": half, "deployment": "d"}
        state.add(usage_event(1).model_copy(update=changes), at_ms)
    assert state.snapshot(START_MS, "")["batches_saved"] == {"d": "100"}
