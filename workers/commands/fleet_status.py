"""Fleet commands: the state of every deployment, and circuit breakers held by an operator.

`fleet_view` and `hold_breaker` return data, `fleet_tables` and `fleet_json` render it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from pydantic import ValidationError
from redis.asyncio import Redis
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from observability.terminal import cell, output_width, readable_json
from producers.settings import KafkaSettings
from runtime.config.catalog import Catalog
from runtime.consuming.lag import consumer_lag
from runtime.consuming.queue_groups import group_of, queues_of
from runtime.fleet.speed_reports import stored_reports
from runtime.redis.connection import RedisLink, connect_redis
from workers.health.admission import breaker_keys
from workers.health.shared_state import BreakerNews, SharedBreakerState, SharedFleetState
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
    """The fleet at one moment."""

    workers: Sequence[str]
    """The names of those that have lately reported."""
    deployments: Sequence[DeploymentStatus]
    lag: Mapping[str, int | None]
    """Records that wait, by consumer group; None for a group that has committed nothing yet."""


async def fleet_view(redis: Redis, settings: KafkaSettings, catalog: Catalog) -> FleetView:
    """Raises RedisError or KafkaError when either is away: without them there is no view."""
    reports = list(readable_reports([text async for text in stored_reports(redis)]))
    news = await SharedFleetState(RedisLink(redis), "status").all_news()
    queues = [queue for tier in catalog.tiers for queue in queues_of(catalog, tier)]
    lag = await consumer_lag(settings, {group_of(queue): [queue] for queue in queues})
    return FleetView(sorted(report.worker for report in reports), fleet_status(reports, news), lag)


def readable_reports(reports: Iterable[bytes]) -> Iterator[WorkerReport]:
    """Without those of other versions, which this one has no words for."""
    for text in reports:
        with suppress(ValidationError):
            yield WorkerReport.model_validate_json(text)


def fleet_tables(view: FleetView) -> Group:
    """The deployments, and the consumer groups' lag."""
    columns = (
        "deployment",
        "breaker",
        "why",
        "in flight",
        "calls",
        "failed",
        "rpm",
        "tpm",
        "p95",
        "TTFT",
        "tokens/s",
    )
    fleet = Table(*columns, title=f"{len(view.workers)} workers")
    for status in view.deployments:
        fleet.add_row(
            cell(status.deployment),
            Text(status.state, style=_COLOURS.get(status.state, "white")),
            cell(status.reason),
            f"{status.in_flight}/{status.concurrency}",
            str(status.calls),
            str(status.failures),
            _number(status.rpm),
            _number(status.tpm),
            _seconds(status.typical_s),
            _seconds(status.first_token_s),
            _number(status.tokens_per_s),
        )
    waiting = Table("consumer group", "records waiting")
    for group, lag in view.lag.items():
        waiting.add_row(cell(group), "no commit yet" if lag is None else str(lag))
    return Group(fleet, waiting)


def fleet_json(view: FleetView) -> str:
    """The view as a JSON object, for a program."""
    return readable_json(asdict(view))


async def show_status(
    url: str, settings: KafkaSettings, catalog: Catalog, *, once: bool, as_json: bool = False
) -> None:
    """Print the view once (as_json: for a program), or keep it up to date until Ctrl-C."""
    redis = connect_redis(url)
    try:
        view = await fleet_view(redis, settings, catalog)
        if as_json:
            print(fleet_json(view))
            return
        if once:
            Console(width=output_width()).print(fleet_tables(view))
            return
        with Live(fleet_tables(view), auto_refresh=False) as live:
            while True:
                live.update(fleet_tables(await fleet_view(redis, settings, catalog)), refresh=True)
                await asyncio.sleep(_REFRESH_S)
    finally:
        await redis.aclose()


async def hold_breaker(
    url: str, catalog: Catalog, name: str, state: SharedBreakerState, operator: str
) -> str:
    """Force the state of a deployment's or a breaker on the fleet; `closed` lifts what was forced.

    operator: who does it, for `status`. Returns a sentence for people.
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
    keys = {
        deployment: breaker_keys(deployment, entry)
        for deployment, entry in catalog.deployments.items()
    }
    if name in keys:
        return keys[name].deployment
    if any(name in pair for pair in keys.values()):
        return name
    raise ValueError(f"there is no deployment or breaker {name!r}; there are: {', '.join(keys)}")


def _number(limit: float | None) -> str:
    return "-" if limit is None else f"{limit:,.0f}"


def _seconds(duration: float | None) -> str:
    return "-" if duration is None else f"{duration:.2f} s"
