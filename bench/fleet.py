"""What does the fleet's state cost a call, how fast does news travel, and what do budgets cost?

    python -m bench.fleet

CPU is this process's own (Redis is another); the anchor is one bare Redis PING round trip.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from dev.redis_server import redis_server, url_of
from producers.contract import Usage
from runtime.budgets.reservations import BudgetLedger, Reservation
from runtime.config.catalog import Catalog, Tenant
from runtime.redis.connection import RedisLink, connect_redis
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.gate import NotNow
from workers.health.shared_state import SharedFleetState
from workers.providers.base.call_outcome import Completion, RateLimited

CALLS: Final = 5_000
NEWS: Final = 100
ANSWER: Final = Completion(
    body={}, usage=Usage(input_uncached=50, output=50), finish_reason="stop", first_token_s=0.3
)
TENANT: Final = Tenant(budget_usd_day=Decimal(10_000), budget_usd_month=Decimal(100_000))


def main() -> None:
    """Print the figures."""
    with _redis() as url:
        asyncio.run(measure(url))


async def measure(url: str) -> None:
    """One line for each figure."""
    link = RedisLink(connect_redis(url))
    state = SharedFleetState(link, "bench")
    alone = DeploymentAdmission(_catalog(), time.monotonic, _ignore)
    shared = DeploymentAdmission(
        _catalog(rpm=6_000_000, tpm=600_000_000), time.monotonic, _ignore, shared=state
    )
    running = asyncio.create_task(shared.share_with_fleet())
    await state.subscribed.wait()
    await _print("a bare Redis PING", link.ping)
    await _print("gate, admit, settle; no limits", lambda: _call(alone))
    await _print("gate, admit, settle; limits shared over Redis", lambda: _call(shared))
    budgets = BudgetLedger(lambda: datetime.now(UTC), link)
    await _print("a budget reserved and settled (two caps)", lambda: _spend(budgets))
    await _news(url, shared)
    running.cancel()
    await asyncio.wait([running])
    await link.redis.aclose()


async def _call(fleet: DeploymentAdmission) -> None:
    fleet.gate("a", 100)
    permit = await fleet.admit("a", 100)
    assert isinstance(permit, CallPermit)
    fleet.report_outcome(permit, ANSWER)


async def _spend(budgets: BudgetLedger) -> None:
    reservation = await budgets.reserve("t", TENANT, {}, f"{time.monotonic_ns()}", Decimal(100))
    assert isinstance(reservation, Reservation)
    await budgets.settle_reservation(reservation, Decimal(90))


async def _print(what: str, once: Callable[[], Awaitable[object]]) -> None:
    await once()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(CALLS):
        await once()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{what:48} {cpu / CALLS * 1e6:7.1f} us of CPU, {wall / CALLS * 1e6:7.1f} us")


async def _news(url: str, first: DeploymentAdmission) -> None:
    """From one worker's 429 until another worker's gate is shut."""
    state = SharedFleetState(RedisLink(connect_redis(url)), "other")
    second = DeploymentAdmission(_catalog(), time.monotonic, _ignore, shared=state)
    running = asyncio.create_task(second.share_with_fleet())
    await state.subscribed.wait()
    took = []
    for number in range(NEWS):
        permit = await first.admit(f"n{number}", 100)
        assert isinstance(permit, CallPermit)
        begun = time.perf_counter()
        first.report_outcome(permit, RateLimited(message="", wait_s=60))
        while not isinstance(second.gate(f"n{number}", 100), NotNow):  # noqa: ASYNC110
            await asyncio.sleep(0)
        took.append((time.perf_counter() - begun) * 1000)
    p99 = quantiles(took, n=100)[-1]
    print(f"{'a 429 here shuts the gate there':48} {median(took):7.2f} ms median, {p99:.2f} ms p99")
    running.cancel()
    await asyncio.wait([running])


@contextmanager
def _redis() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = redis_server(Path(folder))
        server.start()
        try:
            yield url_of(server)
        finally:
            server.stop()


def _catalog(**limits: int) -> Catalog:
    where = {"base_url": "http://localhost", "zone": "us", "provider": "acme", "model": "m"}
    names = ["a", *(f"n{number}" for number in range(NEWS))]
    return Catalog.model_validate(
        {
            "models": {"m": {"family": "f", "context_window": 8000}},
            "deployments": {name: {**where, **limits} for name in names},
            "tiers": {"only": {"deployments": names}},
            "default_baseline": "a",
        }
    )


def _ignore(_: Transition) -> None:
    """Nobody listens."""


if __name__ == "__main__":
    main()
