"""Reply topics: may a request be answered where it asks to be, and can it be?

What can't be answered is refused before it costs anything.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from producers.contract import topics
from producers.contract.reply_address import ReplyAddress
from runtime.config.catalog import Catalog, Tenant
from runtime.process.reply_topics import PartitionsOf, reachable_address, unreachable

_LONGEST_SHOWN: Final = 249
"""Of a topic's name in a message: as long as a legal one."""


async def unusable_address(
    address: ReplyAddress, tenant: str, allowed: Iterable[str], partitions_of: PartitionsOf
) -> str | None:
    """Why an answer can't go to `address`, for its sender; None: it can.

    allowed: the patterns of the tenant's reply topics.
    """
    problem = address.problem or _forbidden_topic(address, tenant, allowed)
    return problem or await unreachable(address, partitions_of)


async def refusal_address(
    wanted: ReplyAddress, tenant: str | None, catalog: Catalog, partitions_of: PartitionsOf
) -> ReplyAddress | None:
    """Where its sender hears that a request is refused: where it asks to, else the shared topic.

    tenant: None where nobody knows whose the record is, for it can't be read: any tenant's reply
    topic will do, since its body might have named that tenant. None: not even the shared one is
    there.
    """
    sections: Iterable[Tenant | None] = catalog.tenants.values()
    if tenant is not None:
        sections = (catalog.tenant(tenant),)
    allowed = [topic for each in sections if each is not None for topic in each.reply_topics]
    if _forbidden_topic(wanted, tenant or "", allowed) is not None:
        wanted = replace(wanted, named_topic=None, partition=None)
    return await reachable_address(wanted, partitions_of)


def _forbidden_topic(address: ReplyAddress, tenant: str, allowed: Iterable[str]) -> str | None:
    """Why a tenant may not be answered on the topic that it named; None: it may."""
    named = address.named_topic
    if named is None or topics.may_reply_to(named, allowed):
        return None
    shown = f"{named[:_LONGEST_SHOWN]!r} is not a reply topic of tenant {tenant!r}"
    return f"{shown}; allowed are: {', '.join(allowed) or 'none'}"
