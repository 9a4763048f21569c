"""Requeue record: a request that this pool doesn't finish, as it goes to another queue."""

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from producers.contract import Attempt, TaggedRequest, codec, topics
from producers.kafka.broker import Outgoing
from runtime.config.catalog import Catalog
from runtime.consuming.retry_topics import retry_topic
from workers.delivery.work_item import WorkItem, in_tier
from workers.planning.next_step import Delay, Reroute

_HeaderValues: TypeAlias = dict[str, str | int | None]
_OURS: Final = frozenset({codec.VISITED, codec.ATTEMPT, codec.DUE, codec.TARGET})


@dataclass(frozen=True, slots=True)
class RequeueProgress:
    """How far a request has come."""

    attempts: tuple[Attempt, ...]
    """Of all workers so far."""
    tries: int
    """Calls made in this tier."""
    now_ms: int
    """Unix milliseconds."""


def requeue_record(
    item: WorkItem,
    step: Reroute | Delay,
    progress: RequeueProgress,
    trace: codec.Headers,
    catalog: Catalog,
) -> Outgoing:
    """The record on the other tier's queue, or on a retry queue, from where it comes back here.

    trace: the headers that continue its trace.
    """
    values: _HeaderValues
    match step:
        case Reroute(tier=tier, reason=reason):
            onward = in_tier(item, tier, reason, catalog)
            topic = topics.tier_topic(tier, onward.route.zone)
            values = {codec.VISITED: ",".join(onward.visited)}
        case Delay(seconds=seconds):
            onward, topic = item, retry_topic(seconds)
            values = {
                codec.VISITED: ",".join(item.visited) or None,
                codec.ATTEMPT: progress.tries,
                codec.DUE: progress.now_ms + int(seconds * 1000),
                codec.TARGET: item.record.partition.topic,
            }
        case _:
            assert_never(step)
    tagged = TaggedRequest(route=onward.route, request=item.request, attempts=progress.attempts)
    replaced = _OURS | {name for name, _ in trace}
    foreign = [pair for pair in item.headers if pair[0] not in replaced]
    headers = [*foreign, *codec.to_headers(values), *trace]
    return Outgoing(topic, codec.encode(tagged), item.record.key, headers)
