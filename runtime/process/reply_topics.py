"""Reply topics: is there a place to answer at?

What can't be answered is refused before it costs anything, by the router and again by who would
call: a topic can vanish while a request waits.
"""

from typing import Protocol

from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import PublishFailedError


class PartitionsOf(Protocol):
    """As `Broker.partitions_of`."""

    async def __call__(self, topic: str, at_least: int = 0) -> int | None:
        """How many partitions `topic` has; None: there is no such topic."""
        ...


async def unreachable(address: ReplyAddress, partitions_of: PartitionsOf) -> str | None:
    """Why an answer can't be written to `address`, for its sender; None: it can."""
    topic, partition = address.topic, address.partition
    at_least = 0 if partition is None else partition + 1
    try:
        number = await partitions_of(topic, at_least)
    except PublishFailedError:
        return None  # the broker is away: nobody knows, and nothing goes on before it is back
    if number is None:
        return f"the reply topic {topic!r} doesn't exist, or may not be written to: create it"
    if number < at_least:
        return f"the reply topic {topic!r} has {number} partitions, so none with number {partition}"
    return None


async def reachable_address(
    wanted: ReplyAddress, partitions_of: PartitionsOf
) -> ReplyAddress | None:
    """Where a refusal can be told: as near to `wanted` as possible; None: nowhere."""
    anywhere = ReplyAddress(wanted.named_topic, None, wanted.echo, wanted.chunks)
    shared = ReplyAddress(None, None, wanted.echo, wanted.chunks)
    for address in dict.fromkeys((wanted, anywhere, shared)):
        if await unreachable(address, partitions_of) is None:
            return address
    return None
