"""Several records in one write: some are never taken, some not in time."""

from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.retry import RetryPolicy
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, PublishFailedError
from producers.settings import KafkaSettings
from runtime.process import retrying_publisher
from runtime.process.retrying_publisher import RetryingPublisher

TOO_LARGE = "too large"
Script = Sequence[str | int]
"""Of each record, how often it isn't taken in time before it is, or that it never is."""


class Topics:
    """In the place of the broker's own way to write: each record as its script says."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.tries = [0] * len(script)
        self.written: set[int] = set()

    async def write(
        self, _producer: object, outgoing: Sequence[Outgoing]
    ) -> list[tuple[str, KafkaError]]:
        failures = list[tuple[str, KafkaError]]()
        for record in outgoing:
            number = int(record.value)
            fate, tried = self._script[number], self.tries[number]
            self.tries[number] += 1
            if isinstance(fate, str):
                failures.append((record.topic, MessageSizeTooLargeError()))
            elif tried < fate:
                failures.append((record.topic, KafkaTimeoutError()))
            else:
                self.written.add(number)
        return failures


@given(script=st.lists(st.just(TOO_LARGE) | st.integers(0, 3), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_all_that_can_be_written_is_before_one_that_never_can_decides(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, topics = KafkaBroker(KafkaSettings(), "test"), Topics(script)
    broker._producer = None  # noqa: SLF001 nothing of it is used
    no_pause = RetryPolicy(pause_s=0)
    monkeypatch.setattr(retrying_publisher, "_WHILE_AWAY", no_pause)
    monkeypatch.setattr(broker, "_write", topics.write)
    outgoing = [Outgoing(f"t{number}", str(number).encode()) for number in range(len(script))]
    refused = [
        record.topic for record, fate in zip(outgoing, script, strict=True) if fate == TOO_LARGE
    ]
    if refused:
        with pytest.raises(PublishFailedError) as failure:
            await RetryingPublisher(broker).publish(*outgoing)
        assert failure.value.permanent
        assert failure.value.topic == refused[0]
    else:
        await RetryingPublisher(broker).publish(*outgoing)
    assert topics.written == {n for n, fate in enumerate(script) if fate != TOO_LARGE}
