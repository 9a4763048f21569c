"""Work item: a tagged request from a tier's queue, with what its record's headers say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from producers.contract import Attempt, Request, Route, Validator, codec, topics
from producers.contract.codec import DecodeError, Headers, integer
from producers.contract.reply_address import ReplyAddress, read_reply_address
from producers.contract.wire_format import unknown_version
from producers.kafka.broker import Record
from runtime import limits
from runtime.config.catalog import Catalog
from runtime.config.eligibility import fitting_deployments

_LONGEST_MS: Final = 10**10
"""Four months: a batch takes a day."""
_DEAREST_MICRO_USD: Final = 10**12
"""A million dollars for one call."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """What a worker knows of a request before it begins. Times: Unix milliseconds."""

    request: Request
    route: Route
    attempts: tuple[Attempt, ...]
    """All provider calls that other workers made for it."""
    reply: ReplyAddress
    submitted_ms: int
    deadline_ms: int | None
    visited: tuple[str, ...]
    """The tiers that handed it over."""
    attempts_here: int
    """How many of the attempts were made in this tier."""
    headers: Headers
    record: Record

    @property
    def validators(self) -> Sequence[Validator]:
        """The checks of an answer: the request's own, else those of its task."""
        return self.request.routing.validators or self.route.validators

    @property
    def tried_before(self) -> bool:
        """Whether a worker has put it aside, or handed it over, before."""
        # no generator: this is asked of every record
        for name, _ in self.headers:  # noqa: SIM110
            if name in (codec.ATTEMPT, codec.VISITED):
                return True
        return False

    @property
    def streams(self) -> bool:
        """Whether its caller takes the answer in pieces."""
        return self.request.body.stream and self.reply.chunks

    def left_s(self, now_ms: float) -> float | None:
        """Seconds until its deadline; None = it has none."""
        return None if self.deadline_ms is None else max(0.0, (self.deadline_ms - now_ms) / 1000)

    @property
    def ordered(self) -> bool:
        """Whether it must be answered in its turn, so that it can't leave its partition."""
        return codec.header(self.headers, codec.SEQUENCE) is not None


def read_work_item(record: Record) -> WorkItem:
    """Raises DecodeError."""
    headers = record.headers
    problem = unknown_version(headers)
    if problem is not None:
        raise DecodeError(record.value, "tagged", "", problem)
    tagged = codec.decode_tagged(record.value)
    if not all(is_believable(attempt) for attempt in tagged.attempts):
        problem = "no call takes so much, or less than nothing"
        raise DecodeError(record.value, "tagged", "attempts", problem)
    visited = codec.header(headers, codec.VISITED)
    return WorkItem(
        tagged.request,
        tagged.route,
        tagged.attempts,
        read_reply_address(headers),
        integer(headers, codec.SUBMITTED) or record.timestamp_ms,
        integer(headers, codec.DEADLINE),
        tuple(visited.split(",")) if visited else (),
        integer(headers, codec.ATTEMPT) or 0,
        headers,
        record,
    )


def is_believable(attempt: Attempt) -> bool:
    """Whether a call can have been so: it becomes money, and the ledger's columns hold no more."""
    usage, cost = attempt.usage, attempt.cost_micro_usd
    counts: list[int] = []
    if usage is not None:
        told = (getattr(usage, name) for name in type(usage).model_fields)
        counts = [count for count in told if isinstance(count, int)] + [*usage.unlisted.values()]
    times = attempt.started_ms, attempt.duration_ms, attempt.wait_ms or 0
    return (
        all(0 <= count <= limits.PROVIDER_TOKENS.value for count in counts)
        and all(0 <= time_ms <= _LONGEST_MS for time_ms in times)
        and (cost is None or 0 <= cost <= _DEAREST_MICRO_USD)
    )


def with_lawful_reply(item: WorkItem, catalog: Catalog) -> WorkItem:
    """The item as it may be answered: the router has looked, but a replay comes past the router."""
    tenant = catalog.tenant(item.request.tenant)
    wanted = item.reply.named_topic
    if wanted is None or (tenant is not None and topics.may_reply_to(wanted, tenant.reply_topics)):
        return item
    return replace(item, reply=ReplyAddress(echo=item.reply.echo, chunks=item.reply.chunks))


def in_tier(item: WorkItem, tier: str, reason: str, catalog: Catalog) -> WorkItem:
    """The request as it goes on in another tier; if a zone binds it, in one of that tier's.

    reason: why, for the reply's route.
    """
    zone = zone_in_tier(item, tier, catalog)
    reasons = (*item.route.reasons, reason)
    changes = {"tier": tier, "zone": zone, "reasons": reasons, "batch": False}
    route = item.route.model_copy(update=changes)
    return replace(item, route=route, visited=(*item.visited, item.route.tier), attempts_here=0)


def zone_in_tier(item: WorkItem, tier: str, catalog: Catalog) -> str | None:
    """The zone whose pool of `tier` would take it; None: any."""
    zone = item.route.zone
    if zone is None:
        return None
    fitting = fitting_deployments(catalog, tier, item.route.demands)
    zones = [catalog.deployments[name].zone for name in fitting]
    # its own zone first: somebody serves it there
    return zone if zone in zones else next(iter(zones), zone)


def kept_only(request: Request) -> Request:
    """The request as one whose answer is kept and not looked for, unless it says what it wants."""
    routing = request.routing
    if routing.cache.mode != "default":
        return request
    cache = routing.cache.model_copy(update={"mode": "no-cache"})
    return request.model_copy(update={"routing": routing.model_copy(update={"cache": cache})})
