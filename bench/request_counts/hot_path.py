"""Router and worker in one process: real parts, a publisher in memory, a provider that answers.

The provider's answer comes from memory, through its dialect both ways; Redis is a real one.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from pydantic_core import to_json

from observability.metrics.registry import MetricsRegistry
from observability.price_lists import load_price_book
from observability.tracing.tracer import Tracer, TracingSettings
from producers import chat
from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, Partition, Record
from router.decide.partition_key import PrefixShares
from router.decide.tenant_rates import TenantRates
from router.decide.warm_prefixes import WarmPrefixes
from router.learn.outcome_store import OutcomeStore
from router.serve.dependencies import RouterDependencies
from router.serve.model_file import default_model
from router.serve.process import count_decision, routing_config
from runtime.config.catalog import Catalog
from runtime.config.config_file import read_config
from runtime.config.pricing import Pricing
from runtime.identity.record_guard import RecordGuard
from runtime.process.background_tasks import BackgroundTasks
from runtime.process.process import ServiceProcess
from runtime.process.retrying_publisher import RetryingPublisher
from runtime.process.settings import ServiceSettings
from workers.calling.config_snapshot import ConfigSnapshot
from workers.composition import build_pool
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit
from workers.providers.registry import DIALECTS
from workers.request.dependencies import PoolDependencies

TIER: Final = "economy"
TENANT: Final = "bench"
_PARTITIONS: Final = 12
_TEXT: Final = "The quarter went well: the region sold seven percent more than a year before. "
_ANSWER: Final = to_json(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _TEXT * 3},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 60, "total_tokens": 260},
    }
)


@dataclass
class MemoryPublisher:
    """Keeps what is published; each record is handed back as its reader would get it."""

    published: list[Outgoing] = field(default_factory=list)
    _offset: int = 0

    async def publish(self, *outgoing: Outgoing) -> None:
        """Nothing fails."""
        self.published.extend(outgoing)

    def record_of(self, outgoing: Outgoing) -> Record:
        """As the consumer of its topic reads it."""
        self._offset += 1
        place = Partition(outgoing.topic, 0)
        headers, now_ms = tuple(outgoing.headers), int(time.time() * 1000)
        return Record(place, self._offset, outgoing.key, outgoing.value, headers, now_ms)


class CannedProvider:
    """Says the request in OpenAI's dialect and reads one answer from it; sends nothing."""

    async def send(self, request: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """Always the same answer."""
        assert emit is None
        dialect = DIALECTS["openai"]
        assert isinstance(dialect.encode_request(request, stream=False), WireRequest)
        answer = dialect.decode_answer(_ANSWER)
        assert isinstance(answer, Answer)
        return Completion(answer.body, answer.usage, answer.finish_reason, 0.01)


@dataclass(frozen=True)
class HotPath:
    """The parts that a request passes."""

    router: RouterDependencies
    pool: PoolDependencies
    publisher: MemoryPublisher

    def asked(self, prompt: str, **options: Any) -> Record:  # noqa: ANN401 as `chat` takes them
        """A record of `llm.requests`, as a client writes it."""
        request = chat(prompt, **{"tenant": TENANT, "model": TIER, "temperature": 0, **options})
        headers = codec.to_headers(
            {codec.CORRELATION_ID: request.id, codec.TENANT_HEADER: request.tenant}
        )
        outgoing = Outgoing(topics.REQUESTS, codec.encode(request), request.id.encode(), headers)
        return self.publisher.record_of(outgoing)


@asynccontextmanager
async def hot_path(redis: str, config: Path) -> AsyncIterator[HotPath]:
    """The path by a configuration. redis: the URL of one that may be written to."""
    async with AsyncExitStack() as parts:
        publisher = MemoryPublisher()
        process = _process(ServiceSettings(redis=redis, config=config), publisher)
        catalog = read_config(config)
        pool = await build_pool(parts, process, _environment(catalog), TIER)
        snapshot = ConfigSnapshot(catalog, dict.fromkeys(catalog.deployments, CannedProvider()))
        yield HotPath(_router(process, config), replace(pool, snapshot=lambda: snapshot), publisher)


def _environment(catalog: Catalog) -> dict[str, str]:
    """An address and a key for every deployment, so that none is out of rotation."""
    deployments = catalog.deployments.values()
    addresses = {each.base_url_env: "https://bench.invalid" for each in deployments}
    keys = {each.api_key_env: "no key" for each in deployments}
    named = {"AWS_ACCESS_KEY_ID": "no key", **addresses, **keys}
    return {name: value for name, value in named.items() if name is not None}


async def _partitions_of(topic: str, at_least: int = 0) -> int | None:
    return max(_PARTITIONS, at_least) if topic else None


def _process(settings: ServiceSettings, publisher: MemoryPublisher) -> ServiceProcess:
    stop = asyncio.Event()
    return ServiceProcess(
        settings=settings,
        broker=cast("Any", SimpleNamespace(partitions_of=_partitions_of)),
        publisher=RetryingPublisher(publisher),
        tracer=Tracer("bench", None, TracingSettings(sample_ratio=0.1)),
        metrics=MetricsRegistry(),
        stop=stop,
        control=cast("Any", None),
        background=BackgroundTasks(stop, lambda _: None),
        signer=None,
        health=cast("Any", None),
    )


def _router(process: ServiceProcess, path: Path) -> RouterDependencies:
    pricing, outcomes = Pricing(load_price_book()), OutcomeStore()
    config = routing_config(read_config(path), pricing, default_model(), outcomes)
    return RouterDependencies(
        config=lambda: config,
        publisher=process.publisher,
        tracer=process.tracer,
        partitions=_PARTITIONS,
        partitions_of=_partitions_of,
        prefix_shares=PrefixShares(),
        warm_prefixes=WarmPrefixes(),
        budget_used=lambda _: 0.0,
        report_decision=partial(count_decision, process.metrics),
        guard=RecordGuard(),
        rates=TenantRates(),
    )
