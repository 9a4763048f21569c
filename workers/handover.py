"""What record does a request become when this pool doesn't finish it?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from producers import codec, topics
from producers.broker import Outgoing
from producers.messages import Attempt, Tagged

from .job import Job
from .plan import Delay, Reroute

DELAYS_MS: Final = (1_000, 10_000, 60_000, 600_000)
"""The retry topics: within one, records come due nearly in the order they lie."""

_OURS: Final = frozenset({codec.VISITED, codec.ATTEMPT, codec.DUE, codec.TARGET})


def moved(job: Job, step: Reroute) -> Job:
    """The request as it goes on in the other tier."""
    route = job.route.model_copy(
        update={"tier": step.tier, "reasons": (*job.route.reasons, step.reason)}
    )
    return replace(job, route=route, visited=(*job.visited, job.route.tier), attempts_here=0)


def rerouted(
    job: Job, step: Reroute, attempts: Sequence[Attempt], trace: codec.Headers
) -> Outgoing:
    """The request on the other tier's queue. trace: the headers that continue its trace."""
    there = moved(job, step)
    headers = _headers(job, trace, {codec.VISITED: ",".join(there.visited)})
    return Outgoing(
        topics.tier_topic(step.tier, there.route.zone),
        codec.encode(Tagged(route=there.route, request=job.request, attempts=tuple(attempts))),
        job.record.key,
        headers,
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """due_ms: Unix milliseconds of the next try; tries: made in this tier so far."""

    delay: Delay
    due_ms: int
    tries: int


def delayed(job: Job, retry: Retry, attempts: Sequence[Attempt], trace: codec.Headers) -> Outgoing:
    """The request on a retry queue, from where it comes back here."""
    headers = _headers(
        job,
        trace,
        {
            codec.VISITED: ",".join(job.visited) or None,
            codec.ATTEMPT: retry.tries,
            codec.DUE: retry.due_ms,
            codec.TARGET: job.record.partition.topic,
        },
    )
    tagged = Tagged(route=job.route, request=job.request, attempts=tuple(attempts))
    topic = retry_topic(retry.delay.seconds)
    return Outgoing(topic, codec.encode(tagged), job.record.key, headers)


def retry_topic(seconds: float) -> str:
    """The shortest delay that is no shorter than `seconds`, else the longest there is."""
    fitting = (delay for delay in DELAYS_MS if delay >= seconds * 1000)
    return topics.retry_topic(next(fitting, DELAYS_MS[-1]))


def _headers(
    job: Job, trace: codec.Headers, values: dict[str, str | int | None]
) -> list[tuple[str, bytes]]:
    replaced = _OURS | {name for name, _ in trace}
    kept = [pair for pair in job.headers if pair[0] not in replaced]
    return [*kept, *codec.to_headers(values), *trace]
