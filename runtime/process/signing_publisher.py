"""Signing publisher: what our processes write for one another bears their signature."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from producers.contract import topics
from producers.kafka.broker import Broker, Outgoing, Publisher, Record, RecordBatch
from runtime.identity.record_signature import RecordSigner


class SigningPublisher:
    """A Publisher whose records are signed, replies apart: their readers have no key."""

    def __init__(self, publisher: Publisher, signer: RecordSigner) -> None:
        self._publisher = publisher
        self._signer = signer

    async def publish(self, *outgoing: Outgoing) -> None:
        """As the publisher's."""
        await self._publisher.publish(*(_signed(self._signer, record) for record in outgoing))


class SigningBroker:
    """A Broker that signs what it writes."""

    def __init__(self, broker: Broker, signer: RecordSigner) -> None:
        self._broker = broker
        self._publisher = SigningPublisher(broker, signer)

    async def publish(self, *outgoing: Outgoing) -> None:
        """As the broker's."""
        await self._publisher.publish(*outgoing)

    def tail(
        self, topic: str, receive: Callable[[Record], None], partition: int | None = None
    ) -> AbstractAsyncContextManager[None]:
        """As the broker's."""
        return self._broker.tail(topic, receive, partition)

    async def partitions_of(self, topic: str, at_least: int = 0) -> int | None:
        """As the broker's."""
        return await self._broker.partitions_of(topic, at_least)

    def consume(self, topic: str, group: str) -> AsyncIterator[RecordBatch]:
        """As the broker's."""
        return self._broker.consume(topic, group)


def _signed(signer: RecordSigner, record: Outgoing) -> Outgoing:
    return signer.sign(record) if topics.is_engines(record.topic) else record
