"""What do a request's reply and its usage event say?

Money: cost is what all attempts were billed, baseline what the same tokens would have cost at the
tenant's baseline deployment. A hit is billed nothing; its baseline counts the tokens it saved.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from observability.grounding.groundedness import ContextSupport
from producers.contract import (
    Attempt,
    CacheOutcome,
    Done,
    Failed,
    FailureCode,
    Judgement,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccount:
    """What is known of a request's end, besides the answer itself. Money: micro-dollars."""

    tier: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCall:
    """A call that no caller asked for: to renew or check the cache, to judge an answer.

    call: the attempt that counts, at `entry`; attempts: all that it took.
    """

    purpose: Purpose
    tier: str
    call: Attempt
    entry: Deployment
    attempts: tuple[Attempt, ...]
    judged: Judgement | None = None


def done_reply(job: WorkItem, completion: Completion, facts: RequestAccount) -> Done:
    """The reply to an answer from a provider."""
    return Done(
        id=job.request.id,
        body=completion.body,
        route=_route_taken(job, facts),
        cache=facts.cache,
        usage=completion.usage,
        cost_micro_usd=billed(facts.attempts),
        baseline_micro_usd=facts.worth.baseline,
        timings=facts.timings,
        trace_id=facts.trace_id,
        warnings=(*completion.warnings, *facts.warnings),
    )


def cached_reply(job: WorkItem, body: Mapping[str, Any], facts: RequestAccount) -> Done:
    """The reply to a cache hit: nothing was billed."""
    return Done(
        id=job.request.id,
        body=dict(body),
        route=_route_taken(job, facts),
        cache=facts.cache,
        usage=Usage(),
        cost_micro_usd=Decimal(0),
        baseline_micro_usd=facts.worth.baseline,
        timings=facts.timings,
        trace_id=facts.trace_id,
    )


def failed_reply(
    job: WorkItem, code: FailureCode, message: str, facts: RequestAccount, *, retryable: bool
) -> Failed:
    """The reply when there is no answer."""
    return Failed(
        id=job.request.id,
        code=code,
        message=message,
        retryable=retryable,
        attempts=facts.attempts,
        trace_id=facts.trace_id,
    )


def usage_event(
    job: WorkItem, reply: Done | Failed, facts: RequestAccount, at_ms: int
) -> UsageEvent:
    """The request's line in the ledger, without its text."""
    body, routing = job.request.body, job.request.routing
    entry = facts.catalog_entry
    done = reply if isinstance(reply, Done) else None
    return UsageEvent(
        id=job.request.id,
        tenant=job.request.tenant,
        at_ms=at_ms,
        outcome="done" if isinstance(reply, Done) else reply.code,
        tier=facts.tier,
        zone=job.route.zone,
        deployment=facts.deployment,
        provider=None if entry is None else entry.provider,
        model=None if entry is None else entry.model,
        task=routing.task or job.route.task,
        tags=routing.tags,
        latency=routing.latency,
        stream=body.stream,
        usage=_sum(attempt.usage for attempt in facts.attempts),
        cost_micro_usd=billed(facts.attempts),
        baseline_micro_usd=facts.worth.baseline,
        savings=facts.worth.savings,
        cache=facts.cache,
        attempts=facts.attempts,
        timings=facts.timings,
        finish_reason=None if done is None else _finish_reason(done.body),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        **_fingerprints(job),
        **_grounding(done, facts.support),
        **_circumstances(facts),
    )


def background_call_event(
    job: WorkItem, aside: BackgroundCall, trace_id: str, at_ms: int
) -> UsageEvent:
    """Its line in the ledger. Nothing else would have cost it, so it lowers the savings."""
    cost, routing = billed(aside.attempts), job.request.routing
    return UsageEvent(
        id=f"{job.request.id}:{aside.purpose}",
        tenant=job.request.tenant,
        at_ms=at_ms,
        outcome="done" if aside.call.outcome == "ok" else "providers_exhausted",
        tier=aside.tier,
        zone=job.route.zone,
        deployment=aside.call.deployment,
        provider=aside.entry.provider,
        model=aside.entry.model,
        task=routing.task or job.route.task,
        tags=routing.tags,
        latency=routing.latency,
        usage=_sum(attempt.usage for attempt in aside.attempts),
        cost_micro_usd=cost,
        baseline_micro_usd=Decimal(0),
        savings=None if cost is None else Savings(**{aside.purpose: -cost}),
        attempts=aside.attempts,
        aside=aside.purpose,
        judged=aside.judged,
        price_version=_price_version(aside.attempts),
        trace_id=trace_id,
    )


def _route_taken(job: WorkItem, facts: RequestAccount) -> RouteTaken:
    entry = facts.catalog_entry
    return RouteTaken(
        tier=facts.tier,
        task=job.request.routing.task or job.route.task,
        zone=job.route.zone,
        deployment=facts.deployment,
        provider=None if entry is None else entry.provider,
        model=None if entry is None else entry.model,
        reasons=job.route.reasons,
        candidates=job.route.candidates,
        attempts=facts.attempts,
    )


def _sum(usages: Iterable[Usage | None]) -> Usage:
    total = dict.fromkeys(Usage.model_fields, 0)
    for usage in usages:
        if usage is not None:
            total = {name: count + getattr(usage, name) for name, count in total.items()}
    return Usage(**total)


def _finish_reason(body: Mapping[str, Any]) -> str | None:
    choices = body.get("choices") or [{}]
    reason = choices[0].get("finish_reason")
    return None if reason is None else str(reason)


def _grounding(done: Done | None, support: ContextSupport | None) -> dict[str, Any]:
    if done is None or support is None:
        return {}
    return {
        "unsupported_share": support.unsupported_share,
        "context_tokens": round(done.usage.input_total * support.brought_share),
        "context_used_share": support.used_share,
    }


def _circumstances(facts: RequestAccount) -> dict[str, Any]:
    """By which prices, whether for the first time, and in which trace."""
    return {
        "price_version": _price_version(facts.attempts),
        "redelivered": facts.redelivered,
        "trace_id": facts.trace_id,
    }


def _price_version(attempts: Iterable[Attempt]) -> str | None:
    versions = (attempt.price_version for attempt in attempts)
    return ",".join(sorted({version for version in versions if version})) or None


def _fingerprints(job: WorkItem) -> dict[str, Any]:
    """Tenant-scoped hashes of the prompt and of the part that repeats: waste shows without text."""
    body = job.request.body
    shared = [message for message in body.messages if message["role"] in ("system", "developer")]
    prefix = _json([shared, body.tools])
    return {
        "prompt_hash": _hash(job, _json([body.messages, body.tools, body.response_format])),
        "prefix_hash": _hash(job, prefix) if shared else None,
        "prefix_tokens": len(prefix) // 4 if shared else None,
    }


def _json(value: Any) -> bytes:  # noqa: ANN401 (as it came)
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode(errors="surrogatepass")


def _hash(job: WorkItem, text: bytes) -> str:
    key = job.request.tenant.encode()[:64]
    return hashlib.blake2b(text, digest_size=12, key=key).hexdigest()
