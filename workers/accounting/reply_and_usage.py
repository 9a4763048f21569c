"""Reply and usage event: what a request's caller and its ledger are told at its end.

Money: cost is what all attempts were billed, baseline what the same tokens would have cost at the
tenant's baseline deployment. A hit is billed nothing; its baseline counts the tokens it saved.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from observability.grounding.groundedness import ContextSupport
from observability.pricing.in_words import PaidAnswer, answer_in_words, failure_in_words
from producers.contract import (
    Attempt,
    CacheOutcome,
    Done,
    Failed,
    FailureCode,
    Judgement,
    MicroUsd,
    Purpose,
    RouteTaken,
    Savings,
    Timings,
    Usage,
    UsageEvent,
)
from runtime.config.catalog import Deployment
from runtime.config.pricing import billed
from workers.accounting.savings import SavingsEstimate
from workers.delivery.work_item import WorkItem
from workers.providers.base.call_outcome import Completion

NOT_CACHED = CacheOutcome(result="bypass")
_SORTED: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccount:
    """What is known of a request's end, besides the answer itself. Money: micro-dollars."""

    trace_id: str
    timings: Timings
    attempts: tuple[Attempt, ...] = ()
    cache: CacheOutcome = NOT_CACHED
    deployment: str | None = None
    catalog_entry: Deployment | None = None
    worth: SavingsEstimate = field(default_factory=SavingsEstimate)
    warnings: tuple[str, ...] = ()
    support: ContextSupport | None = None
    redelivered: bool = False
    cost: MicroUsd | None = field(init=False)
    """What all attempts were billed; None: not known."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", billed(self.attempts))


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCall:
    """A call that no caller asked for: to renew or check the cache, to judge an answer."""

    purpose: Purpose
    tier: str
    call: Attempt
    """The attempt that counts."""
    entry: Deployment
    """That of the call."""
    attempts: tuple[Attempt, ...]
    """All that it took, the call included."""
    judged: Judgement | None = None


def done_reply(item: WorkItem, completion: Completion, account: RequestAccount) -> Done:
    """The reply to an answer from a provider."""
    return Done(
        id=item.request.id,
        body=completion.body,
        route=_route_taken(item, account),
        cache=account.cache,
        usage=completion.usage,
        cost_micro_usd=account.cost,
        baseline_micro_usd=account.worth.baseline,
        summary=_summary(item, account),
        timings=account.timings,
        redelivered=account.redelivered,
        trace_id=account.trace_id,
        warnings=(*completion.warnings, *account.warnings),
    )


def cached_reply(item: WorkItem, body: Mapping[str, Any], account: RequestAccount) -> Done:
    """The reply to a cache hit: nothing was billed."""
    return Done(
        id=item.request.id,
        body=dict(body),
        route=_route_taken(item, account),
        cache=account.cache,
        usage=Usage(),
        cost_micro_usd=Decimal(0),
        baseline_micro_usd=account.worth.baseline,
        summary=_summary(item, account),
        timings=account.timings,
        trace_id=account.trace_id,
    )


def failed_reply(
    item: WorkItem, code: FailureCode, message: str, account: RequestAccount, *, retryable: bool
) -> Failed:
    """The reply when there is no answer."""
    return Failed(
        id=item.request.id,
        code=code,
        message=message,
        retryable=retryable,
        attempts=account.attempts,
        redelivered=account.redelivered,
        trace_id=account.trace_id,
    )


def usage_event(
    item: WorkItem, reply: Done | Failed, account: RequestAccount, at_ms: int
) -> UsageEvent:
    """The request's line in the ledger, without its text."""
    body, routing, entry = item.request.body, item.request.routing, account.catalog_entry
    done = reply if isinstance(reply, Done) else None
    return UsageEvent(
        id=item.request.id,
        summary=_sentence(reply, account),
        tenant=item.request.tenant,
        at_ms=at_ms,
        outcome="done" if isinstance(reply, Done) else reply.code,
        tier=item.route.tier,
        **_places(item),
        deployment=account.deployment,
        provider=None if entry is None else entry.provider,
        model=None if entry is None else entry.model,
        task=routing.task or item.route.task,
        tags=routing.tags,
        latency=routing.latency,
        stream=body.stream,
        usage=_sum(attempt.usage for attempt in account.attempts),
        cost_micro_usd=account.cost,
        baseline_micro_usd=account.worth.baseline,
        savings=account.worth.savings,
        cache=account.cache,
        attempts=account.attempts,
        timings=account.timings,
        finish_reason=None if done is None else _finish_reason(done.body),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        **_fingerprints(item),
        **_grounding(done, account.support),
        **_circumstances(item, account),
    )


def _places(item: WorkItem) -> dict[str, Any]:
    """Where it was bound to, and where it might be."""
    return {"zone": item.route.zone, "residency": item.route.demands.zones}


def _sentence(reply: Done | Failed, account: RequestAccount) -> str | None:
    if isinstance(reply, Done):
        return reply.summary
    return failure_in_words(reply.code, account.cost, account.attempts)


def _summary(item: WorkItem, account: RequestAccount) -> str:
    """Of an answer; a hit was billed nothing, whatever else the account holds."""
    route, hit = item.route, account.cache.result == "hit"
    chosen = next((each for each in route.candidates if each.tier == route.tier), None)
    answered = next((call for call in account.attempts if call.outcome == "ok"), None)
    paid = PaidAnswer(
        route.tier,
        Decimal(0) if hit else account.cost,
        account.worth.baseline,
        None if chosen is None else chosen.success,
        account.cache,
        account.attempts,
        expected_s=None if chosen is None else chosen.expected_s,
        took_s=None if answered is None else answered.duration_ms / 1000,
    )
    return answer_in_words(paid)


def background_call_event(
    item: WorkItem, background: BackgroundCall, trace_id: str, at_ms: int
) -> UsageEvent:
    """Its line in the ledger. Nothing else would have cost it, so it lowers the savings."""
    cost, routing = billed(background.attempts), item.request.routing
    return UsageEvent(
        id=f"{item.request.id}:{background.purpose}",
        tenant=item.request.tenant,
        at_ms=at_ms,
        outcome="done" if background.call.outcome == "ok" else "providers_exhausted",
        tier=background.tier,
        **_places(item),
        deployment=background.call.deployment,
        provider=background.entry.provider,
        model=background.entry.model,
        task=routing.task or item.route.task,
        tags=routing.tags,
        latency=routing.latency,
        usage=_sum(attempt.usage for attempt in background.attempts),
        cost_micro_usd=cost,
        baseline_micro_usd=Decimal(0),
        savings=None if cost is None else Savings(**{background.purpose: -cost}),
        attempts=background.attempts,
        aside=background.purpose,
        judged=background.judged,
        price_version=_price_version(background.attempts),
        trace_id=trace_id,
    )


def _route_taken(item: WorkItem, account: RequestAccount) -> RouteTaken:
    entry = account.catalog_entry
    return RouteTaken(
        tier=item.route.tier,
        task=item.request.routing.task or item.route.task,
        zone=item.route.zone,
        deployment=account.deployment,
        provider=None if entry is None else entry.provider,
        model=None if entry is None else entry.model,
        reasons=item.route.reasons,
        candidates=item.route.candidates,
        attempts=account.attempts,
    )


def _sum(usages: Iterable[Usage | None]) -> Usage:
    total, unlisted, served = Counter[str](), Counter[str](), dict[str, None]()
    billed_usages = [usage for usage in usages if usage is not None]
    if len(billed_usages) == 1:
        return billed_usages[0]
    for usage in billed_usages:
        total.update(usage.model_dump(exclude={"unlisted", "served"}))
        unlisted.update(usage.unlisted)
        served |= dict.fromkeys(usage.served)
    return Usage.model_validate({**total, "unlisted": dict(unlisted), "served": tuple(served)})


def _finish_reason(body: Mapping[str, Any]) -> str | None:
    match body.get("choices"):
        case [{"finish_reason": str(reason)}, *_]:
            return reason
        case _:
            return None


def _grounding(done: Done | None, support: ContextSupport | None) -> dict[str, Any]:
    if done is None or support is None:
        return {}
    return {
        "unsupported_share": support.unsupported_share,
        "context_tokens": round(done.usage.input_total * support.brought_share),
        "context_used_share": support.used_share,
    }


def _circumstances(item: WorkItem, account: RequestAccount) -> dict[str, Any]:
    """By which prices, for which rollout, whether for the first time, and in which trace."""
    return {
        "rollout": item.route.rollout,
        "price_version": _price_version(account.attempts),
        "redelivered": account.redelivered,
        "trace_id": account.trace_id,
    }


def _price_version(attempts: Iterable[Attempt]) -> str | None:
    versions = (attempt.price_version for attempt in attempts)
    return ",".join(sorted({version for version in versions if version})) or None


def _fingerprints(item: WorkItem) -> dict[str, Any]:
    """Tenant-scoped hashes of the prompt and of the part that repeats: waste shows without text."""
    body = item.request.body
    shared = [message for message in body.messages if message["role"] in ("system", "developer")]
    prompt_hash = _hash(item, _json([body.messages, body.tools, body.response_format]))
    if not shared:
        return {"prompt_hash": prompt_hash}
    prefix = _json([shared, body.tools])
    return {
        "prompt_hash": prompt_hash,
        "prefix_hash": _hash(item, prefix),
        "prefix_tokens": len(prefix) // 4,
    }


def _json(value: Any) -> bytes:  # noqa: ANN401 (as it came)
    return _SORTED.encode(value).encode(errors="surrogatepass")


def _hash(item: WorkItem, text: bytes) -> str:
    key = item.request.tenant.encode()[:64]
    return hashlib.blake2b(text, digest_size=12, key=key).hexdigest()
