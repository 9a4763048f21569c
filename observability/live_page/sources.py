"""Sources of the live page's figures: usage events from Kafka, the rest by scraping."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from aiokafka import AIOKafkaConsumer
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from observability.ledger.ingest import Genuine
from observability.ledger.schema import problem_of
from observability.live_page.batches import batches_by_deployment
from observability.live_page.window import LiveWindow
from observability.metrics.names import BREAKER_STATES
from producers.contract.codec import DecodeError, decode_usage
from producers.kafka.aiokafka_broker import to_record

_log: Final = logging.getLogger(__name__)
_EVERY_S: Final = 2.0
_TIMEOUT: Final = ClientTimeout(total=2)
_STATES: Final[dict[float, str]] = {value: name for name, value in BREAKER_STATES.items()}


async def follow_usage(
    consumer: AIOKafkaConsumer, state: LiveWindow, genuine: Genuine | None = None
) -> None:
    """Fold usage events into `state`, for ever. The consumer has no group and starts at the end.

    genuine: which count; None: all.
    """
    async for record in consumer:
        if genuine is not None and not genuine(to_record(record)):
            _log.warning("skipped %s at %d: it isn't a worker's", record.topic, record.offset)
            continue
        try:
            event = decode_usage(record.value or b"")
            problem = problem_of(event)
        except DecodeError as error:
            problem = str(error)
        if problem is None:
            state.add(event, int(time.time() * 1000))
        else:
            _log.warning("skipped %s at %d: %s", record.topic, record.offset, problem)


@dataclass(slots=True)
class ProcessFigures:
    """What the processes say of themselves. unreachable: those that didn't answer last time."""

    lag: dict[str, float] = field(default_factory=dict)
    in_flight: dict[str, float] = field(default_factory=dict)
    breakers: dict[str, str] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)

    def snapshot(self) -> dict[str, Any]:
        """As the page gets it."""
        return {
            "lag": self.lag,
            "in_flight": self.in_flight,
            "breakers": self.breakers,
            "batches": self.batches,
            "unreachable": self.unreachable,
        }


async def follow_processes(
    session: ClientSession, addresses: Sequence[str], scraped: ProcessFigures
) -> None:
    """Scrape every `host:port` again and again, for ever."""
    while True:
        answers = await asyncio.gather(*(_scrape(session, address) for address in addresses))
        merge_scrape(scraped, dict(zip(addresses, answers, strict=True)))
        await asyncio.sleep(_EVERY_S)


def merge_scrape(scraped: ProcessFigures, answers: dict[str, str | None]) -> None:
    """Replace what was known by what the processes answered; None = no answer."""
    texts = [text for text in answers.values() if text is not None]
    families = [f for text in texts for f in text_string_to_metric_families(text)]
    scraped.lag = _sums(families, "switchgear_consumer_lag", "topic")
    scraped.in_flight = _sums(families, "switchgear_in_flight", "tier")
    worst: dict[str, float] = {}
    for deployment, value in _samples(families, "switchgear_breaker_state", "deployment"):
        worst[deployment] = max(value, worst.get(deployment, 0))
    scraped.breakers = {name: _STATES.get(value, "?") for name, value in sorted(worst.items())}
    scraped.batches = batches_by_deployment(families)
    scraped.unreachable = [address for address, text in answers.items() if text is None]


def _sums(families: Sequence[Metric], metric: str, label: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in _samples(families, metric, label):
        sums[name] = sums.get(name, 0) + value
    return dict(sorted(sums.items()))


def _samples(families: Sequence[Metric], metric: str, label: str) -> Iterator[tuple[str, float]]:
    for family in families:
        if family.name == metric:
            for sample in family.samples:
                yield sample.labels.get(label, ""), sample.value


async def _scrape(session: ClientSession, address: str) -> str | None:
    try:
        async with session.get(f"http://{address}/metrics", timeout=_TIMEOUT) as answer:
            return await answer.text() if answer.ok else None
    except (ClientError, TimeoutError):
        return None
