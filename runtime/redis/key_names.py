"""Redis key names: one prefix for all that is ours, and no two things under one name."""

from typing import Final

PREFIX: Final = "switchgear"


def named(*parts: str) -> str:
    """The key of one thing of ours. Of the parts only the last may be anybody's text."""
    return ":".join((PREFIX, *parts))


def joined(*parts: str) -> str:
    """Foreign texts as one, each behind its length: other parts never make the same text."""
    return "".join([f"{len(part)}:{part}" for part in parts])


def request_key(tenant: str, request_id: str) -> str:
    """The key of what workers record of one request."""
    return named("once", joined(tenant, request_id))
