"""What does an operator see of the fleet, and how does one hold a breaker open or closed?"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from producers.settings import KafkaSettings
from runtime.config.catalog import Catalog
from runtime.consuming.lag import consumer_lag
from runtime.consuming.queue_groups import group_of, queues_of
from runtime.redis.connection import RedisLink, connect_redis
from workers.health.admission import keys_of
from workers.health.shared_state import REPORTS, BreakerNews, SharedFleetState, SharedState
from workers.health.status_report import DeploymentStatus, WorkerReport, fleet_status

_REFRESH_S = 1.0
_COLOURS: Mapping[str, str] = {
    "closed": "green",
    "half_open": "yellow",
    "open": "red",
    "forced_open": "bold red",
    "forced_closed": "bold green",
}


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet at one moment. lag: records waiting, by consumer group."""

    workers: Sequence[str]
    lines: Sequence[DeploymentStatus]
    lag: Mapping[str, int | None]


async def fleet_view(redis: Redis, settings: KafkaSettings, catalog: Catalog) -> FleetView:
    """Raises RedisError or KafkaError when either is away: without them there is no view."""
    stored = await cast("Awaitable[dict[str, str]]", redis.hgetall(REPORTS))
    reports = [WorkerReport.model_validate_json(text) for text in stored.values()]
    news = await SharedFleetState(RedisLink(redis), "status").all_news()
    queues = [queue for tier in catalog.tiers for queue in queues_of(catalog, tier)]
    lag = await consumer_lag(settings, {group_of(queue): [queue] for queue in queues})
    return FleetView(sorted(report.worker for report in reports), fleet_status(reports, news), lag)


def render(view: FleetView) -> Group:
    """The tables that `status` shows."""
    columns = ("deployment", "breaker", "why", "in flight", "calls", "failed", "rpm", "tpm", "p95")
    fleet = Table(*columns, title=f"{len(view.workers)} workers")
    for line in view.lines:
        fleet.add_row(
            line.deployment,
            f"[{_COLOURS.get(line.state, 'white')}]{line.state}[/]",
            line.held,
            f"{line.in_flight}/{line.concurrency}",
            str(line.calls),
            str(line.failures),
            _number(line.rpm),
            _number(line.tpm),
            "-" if line.typical_s is None else f"{line.typical_s:.2f} s",
        )
    waiting = Table("consumer group", "records waiting")
    for group, lag in view.lag.items():
        waiting.add_row(group, "no commit yet" if lag is None else str(lag))
    return Group(fleet, waiting)


async def show_status(url: str, settings: KafkaSettings, catalog: Catalog, *, once: bool) -> None:
    """Print the view once, or keep it up to date until Ctrl-C."""
    redis = connect_redis(url)
    try:
        view = await fleet_view(redis, settings, catalog)
        if once:
            Console().print(render(view))
            return
        with Live(render(view), auto_refresh=False) as live:
            while True:
                live.update(render(await fleet_view(redis, settings, catalog)), refresh=True)
                await asyncio.sleep(_REFRESH_S)
    finally:
        await redis.aclose()


async def hold_breaker(
    url: str, catalog: Catalog, name: str, state: SharedState, operator: str
) -> str:
    """Force a deployment's or a breaker's state on the fleet, or lift it (`closed`); what was told.

    Raises ValueError for a name that is neither, RuntimeError when Redis is away.
    """
    breaker = _breaker(catalog, name)
    redis = connect_redis(url)
    try:
        fleet = SharedFleetState(RedisLink(redis), operator)
        if not await fleet.publish(BreakerNews(breaker, state, operator, "forced", force=True)):
            raise RuntimeError(f"Redis at {url} is away: nothing was changed")
    finally:
        await redis.aclose()
    return f"{breaker}: {state}"


def _breaker(catalog: Catalog, name: str) -> str:
    keys = {one: keys_of(one, entry) for one, entry in catalog.deployments.items()}
    if name in keys:
        return keys[name].deployment
    if any(name in pair for pair in keys.values()):
        return name
    raise ValueError(f"there is no deployment or breaker {name!r}; there are: {', '.join(keys)}")


def _number(limit: float | None) -> str:
    return "-" if limit is None else f"{limit:,.0f}"
