"""Consumer lag by group: the records between its commits and the end of its topics."""

from collections.abc import Iterable, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from producers.kafka.connection import connection_options, consuming
from producers.settings import KafkaSettings

_CLIENT: Final = "switchgear-lag"


async def consumer_lag(
    settings: KafkaSettings, groups: Mapping[str, Iterable[str]]
) -> Mapping[str, int | None]:
    """Records between each group's commits and the end of its topics.

    groups: consumer group → its topics; None for a group that has none of them yet.
    """
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    try:
        async with consuming(settings, begin="latest", client_id=_CLIENT) as consumer:
            return {name: await _lag(admin, consumer, name, set(groups[name])) for name in groups}
    finally:
        await admin.close()


async def _lag(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topics: set[str]
) -> int | None:
    try:
        committed = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:  # a new cluster: nobody has committed anything
        return None
    ours: dict[TopicPartition, int] = {
        where: commit.offset for where, commit in committed.items() if where.topic in topics
    }
    if not ours:
        return None
    ends = await consumer.end_offsets(list(ours))
    waiting: list[int] = [max(0, ends[where] - offset) for where, offset in ours.items()]
    return sum(waiting)
