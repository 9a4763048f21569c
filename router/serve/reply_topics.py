"""Reply topics: may a request be answered where it asks to be, and can it be?

What can't be answered is refused before it costs anything.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from producers.contract import topics
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import PublishFailedError

_LONGEST_SHOWN: Final = 249
"""Of a topic's name in a message: as long as a legal one."""


class PartitionsOf(Protocol):
    """As `Broker.partitions_of`."""

    async def __call__(self, topic: str, at_least: int = 0) -> int | None:
        """How many partitions `topic` has; None: there is no such topic."""
        ...


async def unusable_address(
    address: ReplyAddress, tenant: str, allowed: Iterable[str], partitions_of: PartitionsOf
) -> str | None:
    """Why an answer can't go to `address`, for its sender; None: it can.

    allowed: the patterns of the tenant's reply topics.
    """
    topic, partition = address.topic, address.partition
    if address.named_topic is not None and not topics.may_reply_to(topic, allowed):
        shown = f"{topic[:_LONGEST_SHOWN]!r} is not a reply topic of tenant {tenant!r}"
        return f"{shown}; allowed are: {', '.join(allowed) or 'none'}"
    if address.named_topic is None and partition is None:
        return None  # the shared topic is the operator's to keep
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
