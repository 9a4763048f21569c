import asyncio
import importlib
import logging
from collections.abc import Collection, Mapping

import pytest
from aiokafka.client import AIOKafkaClient

from producers.kafka import metadata_updates
from producers.kafka.metadata_updates import OnceAMinute, incomplete, paced_update


class Topics:
    """Partitions by topic; those without a leader are negative."""

    def __init__(self, partitions: Mapping[str, set[int]]) -> None:
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        numbers = self._partitions.get(topic)
        return None if numbers is None else {abs(number) for number in numbers}

    def available_partitions_for_topic(self, topic: str) -> set[int] | None:
        numbers = self._partitions.get(topic)
        return None if numbers is None else {number for number in numbers if number >= 0}


@pytest.mark.parametrize("partitions", [dict[str, set[int]](), {"a": set[int]()}, {"a": {0, -1}}])
def test_a_topic_is_incomplete_without_partitions_or_a_leader(
    partitions: Mapping[str, set[int]],
) -> None:
    assert incomplete(Topics(partitions), {"a"})
    assert not incomplete(Topics({"a": {0, 1}}), {"a"})


def line(message: str, *arguments: str) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.cluster", logging.ERROR, "", 0, message, arguments, None)


def test_a_missing_topic_is_told_once_a_minute() -> None:
    now_s = 1000.0
    told = OnceAMinute(lambda: now_s)
    missing = "Topic %s not found in cluster metadata"
    assert [told.filter(line(missing, name)) for name in ("a", "a", "b", "a")] == [
        True,
        False,
        True,
        False,
    ]
    assert told.filter(line("Topic %s is not authorized for this client", "a"))
    assert all(told.filter(line("No broker metadata found")) for _ in range(3))
    now_s += 60
    assert told.filter(line(missing, "a"))


async def test_a_client_pauses_between_two_looks_while_a_topic_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there: dict[str, set[int]] = {}
    pauses: list[bool] = []

    class Client:
        cluster = Topics(there)

    async def update(_client: object, _cluster: object, _topics: Collection[str]) -> bool:
        return True

    async def pause(seconds: float) -> None:
        pauses.append(seconds > 0)

    monkeypatch.setattr(metadata_updates, "_update", update)
    monkeypatch.setattr(metadata_updates, "_PAUSE_S", 60.0)
    monkeypatch.setattr(asyncio, "sleep", pause)
    client = Client()
    for _ in range(2):
        assert await paced_update(client, client.cluster, {"a"})
    # who looks at all topics waits for none
    assert await paced_update(client, Topics(there), None)
    there["a"] = {0}
    for _ in range(2):
        assert await paced_update(client, client.cluster, {"a"})
    assert pauses == [False, True, True, False]


def test_every_client_of_this_process_pauses() -> None:
    importlib.import_module("producers.kafka.connection")
    assert getattr(AIOKafkaClient, "_metadata_update") is paced_update  # noqa: B009 the seam
