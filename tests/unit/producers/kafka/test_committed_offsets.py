"""A broker that can't tell a group's offsets now isn't one that says there are none."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchResponse_v2, OffsetFetchResponse_v3

from producers.kafka import connection  # noqa: F401 - installs what is tested

PLACE = TopicPartition("llm.tier.economy", 4)
LOADING, AWAY, MOVED, UNKNOWN, FORBIDDEN = 14, 15, 16, -1, 30


class Client:
    """Answers in turn, as brokers of versions 2 and 3 do."""

    def __init__(self, codes: Sequence[int]) -> None:
        self._codes = list(codes)
        self.asked = 0

    async def send(self, _node: int, _request: object, **_: object) -> Any:  # noqa: ANN401 - a response
        self.asked += 1
        code = self._codes.pop(0)
        topics = [] if code else [(PLACE.topic, [(PLACE.partition, 2030, "", 0)])]
        if self.asked % 2:
            return OffsetFetchResponse_v3(0, topics, code)
        return OffsetFetchResponse_v2(topics, code)


def coordinator(codes: Sequence[int]) -> Any:  # noqa: ANN401 - aiokafka has no types
    made: Any = GroupCoordinator.__new__(GroupCoordinator)
    made.group_id, made._retry_backoff_ms = "g", 0  # noqa: SLF001 the seam
    made._client, made.coordinator_id = Client(codes), 1  # noqa: SLF001 the seam

    async def found() -> None:
        made.coordinator_id = 1

    made.ensure_coordinator_known = found
    made.coordinator_dead = lambda: setattr(made, "coordinator_id", None)
    return made


@pytest.mark.parametrize(
    "codes", [[0], [LOADING, 0], [AWAY, MOVED, 0], [UNKNOWN, LOADING, LOADING, MOVED, 0]]
)
async def test_what_was_committed_is_asked_for_until_the_broker_knows(codes: list[int]) -> None:
    made = coordinator(codes)
    offsets = await made.fetch_committed_offsets([PLACE])
    assert offsets[PLACE].offset == 2030
    assert made._client.asked == len(codes)  # noqa: SLF001 the seam


async def test_who_may_not_read_the_group_is_told() -> None:
    with pytest.raises(errors.GroupAuthorizationFailedError):
        await coordinator([FORBIDDEN]).fetch_committed_offsets([PLACE])


@pytest.mark.parametrize("code", [LOADING, AWAY, MOVED, UNKNOWN, FORBIDDEN])
async def test_who_measures_a_queue_is_not_told_that_nothing_is_committed(code: int) -> None:
    admin: Any = AIOKafkaAdminClient.__new__(AIOKafkaAdminClient)
    admin._client = Client([code, 0])  # noqa: SLF001 the seam
    with pytest.raises(errors.KafkaError):
        await admin.list_consumer_group_offsets("g", group_coordinator_id=1)
    offsets = await admin.list_consumer_group_offsets("g", group_coordinator_id=1)
    assert offsets[PLACE].offset == 2030
