"""The whole flow in one process: real client, router and pools; the broker is in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from observability.metrics.genai_metrics import observe_call
from observability.metrics.registry import MetricsRegistry
from observability.pricing.prices import Price, Priced, Processing, Unpriced
from observability.tracing.tracer import Tracer, TracingSettings
from producers import RouterClient, chat
from producers.contract import Request, Usage, UsageEvent, codec, topics
from producers.contract.codec import to_headers
from producers.kafka.broker import Outgoing, Publisher, Record
from producers.settings import ClientSettings
from router.decide.partition_key import PrefixShares
from router.decide.rollout_arm import ActiveRollouts
from router.decide.tenant_rates import TenantRates
from router.decide.tier_candidates import RoutingConfig
from router.decide.warm_prefixes import WarmPrefixes
from router.serve.dependencies import RouterDependencies
from router.serve.handler import bury_request, route_record
from router.serve.model_file import default_model
from runtime.budgets.reservations import BudgetLedger
from runtime.config.catalog import Catalog, Deployment
from runtime.config.pricing import PriceOf, Pricing
from runtime.consuming.headers import LaneRules
from runtime.consuming.queue_groups import group_of, queues_of
from runtime.consuming.retry_topics import DELAYS_MS
from runtime.consuming.slots import Slots
from runtime.consuming.stream import ConsumerStream, StreamSettings
from runtime.consuming.tenant_shares import TenantShares
from runtime.identity.record_guard import RecordGuard
from runtime.identity.record_signature import RecordSigner
from runtime.process.cell_publisher import publisher_of_cell
from runtime.process.signing_publisher import SigningPublisher
from runtime.speed.observed_speed import ObservedSpeed
from tests.fakes import (
    MemoryAnswers,
    MemoryIdempotency,
    NoPrefixes,
    Reports,
    Script,
    ScriptedProvider,
    always_42,
)
from tests.memory_broker import MemoryBroker
from tests.seen_spans import SeenSpans
from workers.accounting.llm_judge import LlmJudge
from workers.calling.answer_source import AnswerSource
from workers.calling.cached_call import PromptCaching
from workers.calling.config_snapshot import ConfigSnapshot
from workers.calling.provider_call import ProviderCaller
from workers.delivery.cancellations import Cancellations
from workers.health.admission import DeploymentAdmission
from workers.planning.request_state import PlanRules
from workers.request.dependencies import PoolDependencies, RequestReporter
from workers.request.handler import dead_letter_request, serve_one
from workers.request.maintenance import handle_maintenance_record
from workers.tokens.estimate import TokenFactors

PRICES = {"small": Decimal(1), "medium": Decimal(10)}
"""Micro-dollars per token; `nobody-knows` has none."""
DEARER = {"dearer": Decimal(2), "dearest": Decimal(3)}
"""Factors on them, by provider."""


def catalog(**changes: object) -> Catalog:
    """Two tiers: `economy` with two deployments, above it `standard` with one."""

    def place(model: str, provider: str) -> dict[str, Any]:
        return {"model": model, "provider": provider, "base_url": "http://x", "zone": "us"}

    models = {
        name: {"family": "f", "context_window": 100_000}
        for name in ("small", "medium", "nobody-knows")
    }
    return Catalog.model_validate(
        {
            "default_baseline": "std",
            "models": models,
            "deployments": {
                "eco-a": place("small", "a"),
                "eco-b": place("small", "b"),
                "std": place("medium", "c"),
                "odd": place("nobody-knows", "d"),
            },
            "tiers": {
                "economy": {"deployments": ["eco-a", "eco-b"], "next": "standard"},
                "standard": {"deployments": ["std"]},
                "odd": {"deployments": ["odd"]},
            },
            "tenants": {"t": {}, "shut": {"reply_topics": ["only.this"]}},
            "policy": {"min_quality": 0.0, "ordered_tier": "economy"},
            **changes,
        }
    )


def one_deployment() -> Catalog:
    """One tier, `economy`, with `eco-a` alone: nobody else can be asked."""
    return catalog(
        deployments={
            "eco-a": {"model": "small", "provider": "a", "base_url": "http://x", "zone": "us"}
        },
        tiers={"economy": {"deployments": ["eco-a"]}},
        default_baseline="eco-a",
        policy={"min_quality": 0.0, "ordered_tier": "economy"},
    )


def price_of(
    deployment: Deployment, usage: Usage, processing: Processing = "standard"
) -> Decimal | None:
    """By model; anything but the standard way is half as dear."""
    price = PRICES.get(deployment.model)
    share = 1 if processing == "standard" else Decimal("0.5")
    share *= DEARER.get(deployment.provider, 1)
    return None if price is None else price * share * (usage.input_total + usage.output)


def price(deployment: Deployment, usage: Usage, processing: Processing = "standard") -> Price:
    """As `price_of`, from the list of the deployment's provider."""
    micro_usd = price_of(deployment, usage, processing)
    if micro_usd is None:
        return Unpriced("nobody knows")
    return Priced(micro_usd, f"list-of-{deployment.provider}:1")


@dataclass
class Stage:
    """What a test sees and touches.

    scripts: by deployment, else `always_42`; calls: in the order of their begin; seen: what was
    exported; reporter: in place of `reports`.
    """

    scripts: Mapping[str, Script]
    catalog: Catalog
    rules: PlanRules = field(default_factory=PlanRules)
    concurrency: int = 32
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    idempotency: MemoryIdempotency = field(default_factory=MemoryIdempotency)
    answers: MemoryAnswers = field(default_factory=MemoryAnswers)
    reports: Reports = field(default_factory=Reports)
    cancellations: Cancellations = field(default_factory=Cancellations)
    judge_share: float = 0
    budgets: BudgetLedger = field(
        default_factory=lambda: BudgetLedger(partial(datetime.now, UTC), None)
    )
    encodings: Path | None = None
    metrics: MetricsRegistry = field(default_factory=MetricsRegistry)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    seen: SeenSpans = field(default_factory=SeenSpans)
    reporter: RequestReporter | None = None
    guard: RecordGuard = field(default_factory=RecordGuard)
    signer: RecordSigner | None = None
    rates: TenantRates = field(default_factory=TenantRates)
    rollouts: ActiveRollouts = field(default_factory=ActiveRollouts)
    shares: TenantShares | None = None
    request_topics: Sequence[str] = (topics.REQUESTS,)
    zone: str | None = None
    """Of the cell; the client says none, so that what it sends slips through."""
    unserved: Mapping[str, str] = field(default_factory=dict)
    pricing: Pricing | None = None
    """In place of `price` and `price_of`."""
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """As `unserved`, for the workers."""
    speeds: Mapping[str, ObservedSpeed] = field(default_factory=dict)
    """As the fleet's workers have seen them, for the router."""
    budget_used: float = 0.0
    """Of every tenant, as the router knows it."""

    def __post_init__(self) -> None:
        judged = self.catalog.tenants["t"].model_copy(update={"judge_share": self.judge_share})
        tenants = {**self.catalog.tenants, "t": judged}
        self.catalog = self.catalog.model_copy(update={"tenants": tenants})
        self.calls: list[Any] = []
        self.publisher: Publisher = (
            self.broker if self.signer is None else SigningPublisher(self.broker, self.signer)
        )
        self.publisher = publisher_of_cell(self.publisher, self.zone, lambda: self.catalog)
        self.client = RouterClient(self.broker, ClientSettings(timeout_s=10))
        self.tracer = Tracer("test", self.seen, self.tracing)
        self.basis = RoutingConfig(
            self.catalog,
            self.catalog.policy,
            lambda name, usage: self._price_of(self.catalog.deployments[name], usage),
            default_model(),
            batch_price_of=lambda name, usage: self._price_of(
                self.catalog.deployments[name], usage, "batch"
            ),
        )
        self.snapshot = ConfigSnapshot(
            self.catalog,
            {
                name: ScriptedProvider(self.calls, self.scripts.get(name, always_42))
                for name in self.catalog.deployments
            },
        )

    @property
    def _price_of(self) -> PriceOf:
        return price_of if self.pricing is None else self.pricing.price_of

    def called(self) -> list[str]:
        """The models' deployments called so far, by provider."""
        return [call.deployment.provider for call in self.calls]

    def dead_letters(self) -> list[tuple[bytes, str]]:
        """(bytes, reason) of each."""
        letters = self.broker.written(topics.DEAD_LETTERS)
        return [(letter.value, dict(letter.headers)["x-dlq-reason"].decode()) for letter in letters]

    async def events(self, number: int = 1) -> list[UsageEvent]:
        """The usage events, once there are so many."""
        records = await self.broker.has(topics.USAGE, number)
        return [UsageEvent.model_validate_json(record.value) for record in records]

    def events_written(self) -> list[Record]:
        """The records of the usage topic so far."""
        return self.broker.written(topics.USAGE)

    async def send(self, value: bytes, *, key: bytes = b"r1", **headers: str | int | None) -> None:
        """A raw record, as a foreign client may write it; _ in a header's name stands for -."""
        named = {
            name if name in ("correlation_id", "reply_to") else name.replace("_", "-"): text
            for name, text in headers.items()
        }
        await self.broker.publish(Outgoing(topics.REQUESTS, value, key, to_headers(named)))

    async def replies(self, number: int = 1, topic: str = topics.REPLIES) -> list[Any]:
        """The replies on `topic`, once there are so many."""
        records = await self.broker.has(topic, number)
        return [codec.decode_reply(record.value) for record in records]

    def router(self) -> RouterDependencies:
        """The router of this stage."""
        return RouterDependencies(
            config=lambda: self.basis,
            publisher=self.publisher,
            tracer=self.tracer,
            partitions=self.broker.partitions,
            partitions_of=self.broker.partitions_of,
            prefix_shares=PrefixShares(),
            warm_prefixes=WarmPrefixes(),
            budget_used=lambda _tenant: self.budget_used,
            begun=self.idempotency.begun,
            report_decision=lambda _tenant, _decision, _took_s: None,
            guard=self.guard,
            rates=self.rates,
            rollouts=self.rollouts,
            zone=self.zone,
            unserved=lambda: self.unserved,
            speeds=lambda: self.speeds,
        )

    def pool(self, tier: str) -> PoolDependencies:
        """One more process's pool of `tier`: what the fleet shares is shared."""
        clock = asyncio.get_running_loop().time
        admission = DeploymentAdmission(self.catalog, clock, lambda _: None)
        caller = ProviderCaller(
            admission,
            price if self.pricing is None else self.pricing.price,
            PromptCaching(NoPrefixes(), lambda _: None),
            TokenFactors(),
            partial(observe_call, self.metrics),
            self.encodings,
        )
        return PoolDependencies(
            tier=tier,
            snapshot=lambda: self.snapshot,
            answers=AnswerSource(
                caller,
                admission,
                self.budgets,
                self.cancellations,
                self.rules,
                lambda: self.unreachable,
            ),
            price_of=self._price_of,
            judge=LlmJudge(self.metrics, caller, self.budgets),
            lookup=self.answers,
            idempotency=self.idempotency,
            cancellations=self.cancellations,
            publisher=self.publisher,
            tracer=self.tracer,
            reporter=self.reporter or self.reports,
            guard=self.guard,
            partitions_of=self.broker.partitions_of,
            zone=self.zone,
        )

    def streams(self) -> list[ConsumerStream]:
        """One router, one worker for each queue of each tier, one for the chores."""
        router = self.router()
        found = [
            self._stream(
                list(self.request_topics),
                "router",
                partial(route_record, router),
                partial(bury_request, router),
            )
        ]
        buried = partial(dead_letter_request, self.publisher)
        for tier in self.catalog.tiers:
            served, slots = partial(serve_one, self.pool(tier)), Slots(self.concurrency)
            found += [
                self._stream([queue], group_of(queue), served, buried, slots=slots)
                for queue in queues_of(self.catalog, tier)
            ]
        chores = [topics.retry_topic_name(delay) for delay in DELAYS_MS]
        chores += [topics.CACHE_INVALIDATIONS, f"{topics.CACHE_INVALIDATIONS}.acme"]
        chore = partial(handle_maintenance_record, self.pool(next(iter(self.catalog.tiers))))
        found.append(self._stream(chores, "chores", chore, buried))
        return found

    def _stream(
        self,
        queues: list[str],
        group: str,
        handle: Any,  # noqa: ANN401
        crash: Any,  # noqa: ANN401
        *,
        slots: Slots | None = None,
    ) -> ConsumerStream:
        settings = StreamSettings(
            self.concurrency,
            commit_every_s=0.02,
            revoke_grace_s=0.2,
            stop_grace_s=0.2,
            slots=slots,
            shares=self.shares if slots is not None else None,
        )
        lane = LaneRules(lambda: self.catalog, self.guard.lane_tenant).lane
        return ConsumerStream(self.broker.member(queues, group), handle, crash, lane, settings)


@asynccontextmanager
async def playing(
    scripts: Mapping[str, Script] | None = None,
    **parts: Any,  # noqa: ANN401 as Stage's
) -> AsyncIterator[Stage]:
    """A stage on which everything runs."""
    stage = Stage(scripts or {}, parts.pop("catalog", None) or catalog(), **parts)
    stop = asyncio.Event()
    async with (
        asyncio.TaskGroup() as running,
        stage.client.listening(),
        stage.broker.tail(topics.CANCELLATIONS, stage.cancellations.receive),
    ):
        for stream in stage.streams():
            running.create_task(stream.run(stop))
        try:
            yield stage
        finally:
            stop.set()
            stage.broker.close()


def ask(prompt: str = "What is the answer?", **fields: Any) -> Request:  # noqa: ANN401
    """A request of tenant `t`."""
    return chat(prompt, tenant=fields.pop("tenant", "t"), **fields)
