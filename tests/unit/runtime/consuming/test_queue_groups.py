"""One queue, one consumer group, whichever pools serve it and however they overlap."""

import asyncio
from collections import Counter, defaultdict
from functools import partial
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import topics
from producers.kafka.broker import Outgoing, Record
from runtime.consuming.fair_queue import Lane
from runtime.consuming.queue_groups import group_of, queues_of, zones_of
from runtime.consuming.slots import Slots
from runtime.consuming.stream import ConsumerStream, StreamSettings
from runtime.consuming.topics_admin import Topic, required_topics, topic_configs
from tests.memory_broker import MemoryBroker
from tests.unit.router.routing_cases import catalog

CATALOG = catalog()


class PoolOptions(NamedTuple):
    """As the command line tells them."""

    tier: str
    zones: tuple[str, ...]
    unbound: bool

    def queues(self) -> list[str]:
        return queues_of(CATALOG, self.tier, self.zones, unbound=self.unbound)


POOLS = st.sampled_from(sorted(CATALOG.tiers)).flatmap(
    lambda tier: st.builds(
        PoolOptions,
        st.just(tier),
        st.lists(st.sampled_from(zones_of(CATALOG, tier)), max_size=3).map(tuple),
        st.booleans(),
    )
)


@given(st.lists(POOLS, max_size=8))
def test_a_queue_has_one_group_and_a_group_one_queue(pools: list[PoolOptions]) -> None:
    groups, queues = defaultdict(set), defaultdict(set)
    for pool in pools:
        for queue in pool.queues():
            groups[queue].add(group_of(queue))
            queues[group_of(queue)].add(queue)
    assert all(len(names) == 1 for names in (*groups.values(), *queues.values()))


@given(POOLS)
def test_a_pool_serves_what_it_was_told_and_nothing_else(pool: PoolOptions) -> None:
    everything = not pool.zones and not pool.unbound
    zones = set(zones_of(CATALOG, pool.tier)) if everything else set(pool.zones)
    expected = {topics.tier_topic(pool.tier, zone) for zone in zones}
    if pool.unbound or everything:
        expected.add(topics.tier_topic(pool.tier))
    queues = pool.queues()
    assert set(queues) == expected
    assert len(queues) == len(expected)
    assert expected <= {topic.name for topic in required_topics(CATALOG)}


def test_a_pool_for_each_zone_and_one_for_the_rest_leave_nothing_out() -> None:
    for tier in CATALOG.tiers:
        split = [
            queue for zone in zones_of(CATALOG, tier) for queue in queues_of(CATALOG, tier, [zone])
        ]
        split += queues_of(CATALOG, tier, unbound=True)
        assert sorted(split) == sorted(queues_of(CATALOG, tier))


def test_a_tier_or_zone_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="there are: economy, standard, premium"):
        queues_of(CATALOG, "golden")
    with pytest.raises(ValueError, match=r"no deployment in zone 'moon', only in \['eu', 'us'\]"):
        queues_of(CATALOG, "standard", ["eu", "moon"])


class Crowd:
    """Streams of several pools on one broker; each record's handler takes a moment."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(partitions=2)
        self.stop = asyncio.Event()
        self.served: Counter[tuple[str, bytes]] = Counter()
        self.running: Counter[int] = Counter()
        self.most: Counter[int] = Counter()

    def streams(self, number: int, queues: list[str], concurrency: int) -> list[ConsumerStream]:
        """One pool's, as its process makes them."""
        slots = Slots(concurrency)
        settings = StreamSettings(
            concurrency, commit_every_s=0.01, revoke_grace_s=1, stop_grace_s=1, slots=slots
        )
        return [
            ConsumerStream(
                self.broker.member([queue], group_of(queue)),
                partial(self.serve, number),
                self.bury,
                lambda _: Lane("t"),
                settings,
            )
            for queue in queues
        ]

    async def serve(self, number: int, record: Record) -> None:
        self.running[number] += 1
        self.most[number] = max(self.most[number], self.running[number])
        for _ in range(5):
            await asyncio.sleep(0)
        self.running[number] -= 1
        self.served[record.partition.topic, record.value] += 1

    async def bury(self, _record: Record, error: BaseException) -> None:
        raise AssertionError from error


async def test_overlapping_pools_serve_each_record_once_within_their_concurrency() -> None:
    crowd, records = Crowd(), 40
    pools = [
        queues_of(CATALOG, "economy"),
        queues_of(CATALOG, "economy", ["eu"]),
        queues_of(CATALOG, "economy", ["eu", "us"], unbound=True),
    ]
    everything = queues_of(CATALOG, "economy")
    async with asyncio.TaskGroup() as tasks:
        for number, queues in enumerate(pools):
            for stream in crowd.streams(number, queues, 3):
                tasks.create_task(stream.run(crowd.stop))
        for queue in everything:
            for number in range(records):
                await crowd.broker.publish(Outgoing(queue, str(number).encode()))
        async with asyncio.timeout(20):
            for queue in everything:
                await crowd.broker.until(partial(_all_committed, crowd, queue, records))
        crowd.stop.set()
        crowd.broker.close()
    assert len(crowd.served) == records * len(everything)
    assert set(crowd.served.values()) == {1}
    assert max(crowd.most.values()) == 3


async def test_a_busy_queue_leaves_slots_to_the_others() -> None:
    crowd = Crowd()
    busy, quiet = queues_of(CATALOG, "economy", ["eu", "us"])
    for number in range(200):
        await crowd.broker.publish(Outgoing(busy, str(number).encode()))
    await crowd.broker.publish(Outgoing(quiet, b"one"))
    async with asyncio.TaskGroup() as tasks:
        for stream in crowd.streams(0, [busy, quiet], 1):
            tasks.create_task(stream.run(crowd.stop))
        async with asyncio.timeout(20):
            await crowd.broker.until(partial(_all_committed, crowd, quiet, 1))
            await crowd.broker.until(partial(_all_committed, crowd, busy, 200))
        crowd.stop.set()
        crowd.broker.close()
    assert list(crowd.served).index((quiet, b"one")) < 100


def _all_committed(crowd: Crowd, queue: str, count: int) -> bool:
    places = crowd.broker.committed(group_of(queue))
    return sum(offset for place, offset in places.items() if place.topic == queue) == count


def test_a_topic_of_three_replicas_acknowledges_what_two_of_them_have() -> None:
    topic = Topic("llm.requests", retention_ms=1000)
    assert topic_configs(topic, 3)["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in topic_configs(topic, 1)
    assert "min.insync.replicas" not in topic_configs(topic, 2)
