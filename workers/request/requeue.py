"""What record does a request become when this pool doesn't finish it?"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from producers.contract import Attempt, TaggedRequest, codec, topics
from producers.kafka.broker import Outgoing
from runtime.config.catalog import Catalog
from runtime.config.eligibility import fitting_deployments
from runtime.consuming.retry_topics import retry_topic
from workers.delivery.work_item import WorkItem
from workers.planning.next_step import Delay, Reroute

_Told: TypeAlias = dict[str, str | int | None]
_OURS: Final = frozenset({codec.VISITED, codec.ATTEMPT, codec.DUE, codec.TARGET})


@dataclass(frozen=True, slots=True)
class RequeueProgress:
    """How far a request has come. tries: calls made in this tier; now_ms: Unix milliseconds."""

    attempts: tuple[Attempt, ...]
    tries: int
    now_ms: int


def rerouted(job: WorkItem, step: Reroute, catalog: Catalog) -> WorkItem:
    """The request as it goes on in the other tier; if a zone binds it, in one of that tier's."""
    zone = job.route.zone
    if zone is not None:
        fitting = fitting_deployments(catalog, step.tier, job.route.demands)
        zone = next((catalog.deployments[name].zone for name in fitting), zone)
    reasons = (*job.route.reasons, step.reason)
    route = job.route.model_copy(update={"tier": step.tier, "zone": zone, "reasons": reasons})
    return replace(job, route=route, visited=(*job.visited, job.route.tier), attempts_here=0)


def requeue_record(
    job: WorkItem,
    step: Reroute | Delay,
    progress: RequeueProgress,
    trace: codec.Headers,
    catalog: Catalog,
) -> Outgoing:
    """The record on the other tier's queue, or on a retry queue, from where it comes back here.

    trace: the headers that continue its trace.
    """
    match step:
        case Reroute():
            there = rerouted(job, step, catalog)
            topic = topics.tier_topic(step.tier, there.route.zone)
            told: _Told = {codec.VISITED: ",".join(there.visited)}
        case Delay(seconds=seconds):
            there, topic = job, retry_topic(seconds)
            told = {
                codec.VISITED: ",".join(job.visited) or None,
                codec.ATTEMPT: progress.tries,
                codec.DUE: progress.now_ms + int(seconds * 1000),
                codec.TARGET: job.record.partition.topic,
            }
        case _:
            assert_never(step)
    tagged = TaggedRequest(route=there.route, request=job.request, attempts=progress.attempts)
    return Outgoing(topic, codec.encode(tagged), job.record.key, _headers(job, trace, told))


def _headers(job: WorkItem, trace: codec.Headers, values: _Told) -> list[tuple[str, bytes]]:
    replaced = _OURS | {name for name, _ in trace}
    kept = [pair for pair in job.headers if pair[0] not in replaced]
    return [*kept, *codec.to_headers(values), *trace]
