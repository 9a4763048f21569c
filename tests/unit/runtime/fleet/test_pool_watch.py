"""Pool watch: a zone without a pool is known at once, a pool that restarts keeps its queue."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from runtime.config.catalog import Catalog
from runtime.config.sections.batch import BatchOffer
from runtime.fleet.pool_watch import AWAY_S, PoolWatch, Queue, QueueState, queues_in
from tests.flow.stage import catalog

HERE, US = "llm.tier.economy", "llm.tier.economy.us"


class Fleet:
    """What a look shows."""

    def __init__(self) -> None:
        self.now = 0.0
        self.catalog = catalog()
        self.states: dict[str, QueueState | None] = {}
        self.away = False
        self.watch = PoolWatch(lambda: self.catalog, lambda: self.now)

    async def look(self, queues: Sequence[Queue]) -> Mapping[str, QueueState | None]:
        if self.away:
            raise KafkaError
        served = QueueState(1, consumed=True)
        return {queue.topic: self.states.get(queue.topic, served) for queue in queues}

    async def unserved(self) -> Mapping[str, str]:
        await self.watch.look(self.look)
        return self.watch.unserved


def with_zone(zone: str, **batch: Any) -> Catalog:  # noqa: ANN401
    base = catalog()
    moved = base.deployments["eco-b"].model_copy(update={"zone": zone, **batch})
    return base.model_copy(update={"deployments": {**base.deployments, "eco-b": moved}})


async def test_a_pool_that_reads_serves() -> None:
    assert await Fleet().unserved() == {}


async def test_a_zones_queue_that_nobody_ever_read_is_unserved_at_once() -> None:
    fleet = Fleet()
    fleet.states[US] = QueueState(0, consumed=False)
    assert await fleet.unserved() == {US: "no worker pool serves its zone us now"}
    fleet.states[US] = QueueState(1, consumed=True)
    assert await fleet.unserved() == {}


async def test_a_pool_may_restart_for_a_minute() -> None:
    fleet = Fleet()
    fleet.states[US] = QueueState(0, consumed=True)
    assert await fleet.unserved() == {}
    fleet.now = AWAY_S - 1
    assert await fleet.unserved() == {}
    fleet.now = AWAY_S
    assert US in await fleet.unserved()


async def test_a_pool_that_came_back_may_restart_again() -> None:
    fleet = Fleet()
    for now, members in ((0, 0), (30, 1), (90, 0), (140, 0)):
        fleet.now, fleet.states[US] = now, QueueState(members, consumed=True)
        assert await fleet.unserved() == {}


async def test_the_queue_of_no_zone_waits_for_its_pool() -> None:
    fleet = Fleet()
    fleet.states[HERE] = QueueState(0, consumed=False)
    fleet.now = 1e6
    assert await fleet.unserved() == {}


async def test_a_queue_that_is_not_there_is_unserved_bound_or_not() -> None:
    fleet = Fleet()
    fleet.states |= {HERE: None, US: None}
    unserved = await fleet.unserved()
    assert unserved.keys() == {HERE, US}
    assert "switchgear topics" in unserved[HERE]


async def test_a_zone_of_a_live_edit_is_unserved_until_it_was_looked_at() -> None:
    fleet = Fleet()
    await fleet.unserved()
    fleet.catalog = with_zone("apac")
    fleet.watch.reconfigured()
    assert "wasn't looked at" in fleet.watch.unserved["llm.tier.economy.apac"]
    assert await fleet.unserved() == {}


async def test_while_kafka_cannot_be_asked_nothing_is_held_against_a_queue() -> None:
    fleet = Fleet()
    fleet.away = True
    await fleet.watch.begin(fleet.look)
    fleet.watch.reconfigured()
    assert fleet.watch.unserved == {}


async def test_batch_queues_are_looked_at_where_there_are_batches() -> None:
    offered = with_zone("us", batch=BatchOffer())
    of_batches = {each.topic: each.zone for each in queues_in(offered) if "batch" in each.topic}
    assert of_batches == {"llm.batch": None, "llm.batch.us": "us"}
    assert not [queue for queue in queues_in(catalog()) if "batch" in queue.topic]


async def test_a_look_is_told_which_queues_need_a_pool() -> None:
    assert {queue.topic for queue in queues_in(catalog()) if queue.waits} >= {HERE}
    assert {queue.topic for queue in queues_in(catalog()) if not queue.waits} >= {US}
    assert not [queue for queue in queues_in(catalog(), every_queue=True) if queue.waits]


async def test_whoever_hands_a_request_over_needs_a_pool_at_every_queue() -> None:
    fleet = Fleet()
    fleet.watch = PoolWatch(lambda: fleet.catalog, lambda: fleet.now, every_queue=True)
    fleet.states[HERE] = QueueState(0, consumed=False)
    assert await fleet.unserved() == {HERE: f"no worker pool serves {HERE} now"}
    fleet.states[HERE] = QueueState(0, consumed=True)  # it may restart
    assert await fleet.unserved() == {}
    fleet.now = AWAY_S
    assert HERE in await fleet.unserved()
    fleet.states[HERE] = QueueState(1, consumed=True)
    assert await fleet.unserved() == {}
