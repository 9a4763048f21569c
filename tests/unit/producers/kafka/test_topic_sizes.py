import asyncio
from dataclasses import dataclass, field

from producers.kafka.topic_sizes import TopicSizes


@dataclass
class Cluster:
    """What aiokafka's metadata says, and how often it was asked for."""

    sizes: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    now_s: float = 0.0

    def topics(self) -> set[str]:
        return set(self.sizes)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.sizes[topic]))

    async def fetch(self) -> "Cluster":
        self.asked += 1
        await asyncio.sleep(0)
        return self

    def clock(self) -> float:
        return self.now_s


async def test_a_flood_of_names_asks_once() -> None:
    cluster = Cluster({"there": 3})
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    answers = await asyncio.gather(
        *(sizes.partitions_of(f"missing-{number}") for number in range(100)),
        sizes.partitions_of("there"),
    )
    assert answers == [*[None] * 100, 3]
    assert cluster.asked == 1


async def test_a_topic_that_was_created_since_is_seen_a_moment_later() -> None:
    cluster = Cluster()
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    assert await sizes.partitions_of("new") is None
    cluster.sizes["new"] = 2
    cluster.now_s = 0.11
    assert await sizes.partitions_of("new") == 2


async def test_a_topic_that_is_being_created_is_not_there_yet() -> None:
    cluster = Cluster({"new": 0})
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    assert await sizes.partitions_of("new") is None
    cluster.sizes["new"], cluster.now_s = 4, 1.1
    assert await sizes.partitions_of("new") == 4


async def test_a_larger_number_is_looked_for_sooner_than_a_known_one() -> None:
    cluster = Cluster({"grows": 2})
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    assert await sizes.partitions_of("grows") == 2
    cluster.sizes["grows"], cluster.now_s = 8, 1.1
    assert await sizes.partitions_of("grows") == 2
    assert await sizes.partitions_of("grows", 8) == 8


async def test_a_topic_that_may_not_be_written_to_is_none_for_a_while() -> None:
    cluster = Cluster({"closed": 2, "open": 1})
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    assert await sizes.partitions_of("closed") == 2
    sizes.close("closed")
    assert await sizes.partitions_of("closed") is None
    assert await sizes.partitions_of("open") == 1
    cluster.now_s = 31
    assert await sizes.partitions_of("closed") == 2


async def test_a_topic_that_has_gone_is_none_as_soon_as_a_record_was_refused() -> None:
    cluster = Cluster({"gone": 2})
    sizes = TopicSizes(cluster.fetch, cluster.clock)
    assert await sizes.partitions_of("gone") == 2
    del cluster.sizes["gone"]
    assert await sizes.partitions_of("gone") == 2
    sizes.doubt()
    assert await sizes.partitions_of("gone") is None
