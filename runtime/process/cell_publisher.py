"""Cell publisher: a dead letter keeps its content only where that may be.

Whatever part of a process buries a record, and for whatever reason: what the residency excludes
from the cell, or what can't be read so that nobody knows, leaves its envelope and nothing else.
"""

from collections.abc import Callable

from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, Publisher
from runtime.config.catalog import Catalog
from runtime.config.residency import Standing, standing
from runtime.process.dead_letters import envelope


class CellPublisher:
    """A Publisher of a process that knows its zone."""

    def __init__(self, publisher: Publisher, zone: str, catalog: Callable[[], Catalog]) -> None:
        self._publisher = publisher
        self._zone = zone
        self._catalog = catalog

    async def publish(self, *outgoing: Outgoing) -> None:
        """As the publisher's."""
        await self._publisher.publish(*map(self._resident, outgoing))

    def _resident(self, record: Outgoing) -> Outgoing:
        if record.topic != topics.DEAD_LETTERS or not record.value:
            return record
        tenant = codec.header(record.headers, codec.TENANT_HEADER)
        place = standing(record.value, tenant, self._catalog(), self._zone)
        return record if place is Standing.ALLOWED else envelope(record, self._zone)


def publisher_of_cell(
    publisher: Publisher, zone: str | None, catalog: Callable[[], Catalog]
) -> Publisher:
    """The publisher of a process. zone: of its cell; None: it knows none."""
    return publisher if zone is None else CellPublisher(publisher, zone, catalog)
