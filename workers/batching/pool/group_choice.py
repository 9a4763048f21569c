"""Group choice: in which deployment's batch may a request be, and what would be sent?"""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from producers.contract import ChatBody, Usage
from runtime.config.eligibility import batch_deployments
from workers.batching.pool.batch_pool import BatchPool, GroupKey
from workers.calling.config_snapshot import ConfigSnapshot
from workers.delivery.work_item import WorkItem
from workers.prompt_cache.policy import (
    Breakpoints,
    CachePlan,
    Prefix,
    Unmarked,
    minimum_prefix_tokens,
    prefixes,
)
from workers.providers.base.call_outcome import RequestRejected
from workers.providers.base.dialect import MALFORMED, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.prompt_adaptation import adapt_prompt
from workers.providers.registry import dialect_of

_BYTES_PER_TOKEN: Final = 4.0
_QUARTER_S: Final = 900.0
_HALF_DAY_S: Final = 43_200.0
_SHORT_CLASSES: Final = 5
_LONGEST_CLASS: Final = 65


@dataclass(frozen=True, slots=True)
class Groupable:
    """It can wait in this group."""

    key: GroupKey
    body: bytes
    """As a call would send it."""


@dataclass(frozen=True, slots=True)
class Ungroupable:
    """No batch can take it: why, for its route's reasons."""

    reason: str


GroupChoice: TypeAlias = Groupable | Ungroupable


def group_of_item(pool: BatchPool, item: WorkItem, now_s: float) -> GroupChoice:
    """The cheapest deployment of its tier whose provider can take it. now_s: Unix seconds."""
    snapshot = pool.snapshot
    why = "no batch of the tier may or can serve it"
    for name in _by_price(pool, item, snapshot):
        adapter = pool.adapters(name)
        if adapter is None:
            why = f"{name} has no batch interface that we speak"
            continue
        wire = batch_wire(snapshot, name, item.request.body)
        refusal = wire.message if isinstance(wire, RequestRejected) else adapter.refusal(wire.body)
        if isinstance(wire, RequestRejected) or refusal is not None:
            why = f"not in a batch of {name}: {refusal}"
            continue
        queue = item.record.partition.topic
        headers = tuple(sorted(wire.headers.items()))
        return Groupable(GroupKey(queue, name, headers, _deadline_class(item, now_s)), wire.body)
    return Ungroupable(why)


def prefix_plan(item: WorkItem, model: str, numbers: Collection[int]) -> CachePlan:
    """Its prefix marked for an hour, if its number is among those that are shared."""
    prefix = shared_prefix(item)
    if prefix is None or prefix_number(prefix, model) not in numbers:
        return Unmarked()
    return Breakpoints((prefix.anchor,), "1h")


def batch_wire(
    snapshot: ConfigSnapshot, name: str, body: ChatBody, plan: CachePlan | None = None
) -> WireRequest | RequestRejected:
    """The request as the deployment's batches say it. plan: what is marked for its cache."""
    deployment, model = snapshot.deployment(name), snapshot.model_of(name)
    named = deployment.batch and deployment.batch.wire_model
    if named:
        deployment = deployment.model_copy(update={"wire_model": named})
    asked = body.model_copy(update={"model": deployment.model})
    adapted = adapt_prompt(asked, model, snapshot.prompts)
    request = ProviderRequest(deployment, model, adapted.body, 1, 1, plan or Unmarked())
    try:
        wire = dialect_of(deployment).encode_request(request, stream=False)
    except MALFORMED as error:
        message = f"the request can't be said in this dialect: {type(error).__name__}"
        return RequestRejected(message=message, code="unsupported_content")
    if isinstance(wire, RequestRejected):
        return wire
    warnings = (*adapted.warnings, *wire.warnings)
    return WireRequest(wire.path, wire.body, wire.headers, warnings)


def expected_usage(item: WorkItem) -> Usage:
    """What the request is likely to be billed for, by the router's estimate."""
    demands = item.route.demands
    return Usage(input_uncached=demands.prompt_tokens, output=demands.output_tokens)


def shared_prefix(item: WorkItem) -> Prefix | None:
    """The part of the prompt that repeats within the tenant: its tools and its instructions."""
    body = item.request.body
    marks = prefixes(body, item.request.tenant, _BYTES_PER_TOKEN).candidates
    return next((mark for mark in reversed(marks) if isinstance(mark.anchor, str)), None)


def prefix_number(prefix: Prefix | None, model: str) -> int:
    """A number for it; 0: there is none, or it is shorter than what the model's provider caches."""
    if prefix is None or prefix.tokens < minimum_prefix_tokens(model):
        return 0
    return int.from_bytes(hashlib.blake2b(prefix.name.encode(), digest_size=4).digest()) or 1


def _by_price(pool: BatchPool, item: WorkItem, snapshot: ConfigSnapshot) -> list[str]:
    usage = expected_usage(item)

    def price(name: str) -> tuple[bool, Decimal]:
        cost = pool.requests.price_of(snapshot.deployment(name), usage, "batch")
        return cost is None, cost or Decimal(0)

    names = batch_deployments(snapshot.catalog, item.route.tier, item.route.demands)
    return sorted(names, key=price)


def _deadline_class(item: WorkItem, now_s: float) -> int:
    if item.deadline_ms is None:
        return -1
    return deadline_class(item.deadline_ms / 1000 - now_s)


def deadline_class(left_s: float) -> int:
    """Half days to the deadline; below the first one doublings from a quarter of an hour on.

    A batch is turned back for the tightest of its deadlines, so each should be near the others.
    """
    if left_s < _HALF_DAY_S:
        return int(math.log2(max(1.0, left_s / _QUARTER_S)))
    return min(_LONGEST_CLASS, _SHORT_CLASSES + int(left_s // _HALF_DAY_S))
