"""Claim values: who holds a request, and the final records with which it ended."""

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from workers.delivery.request_identity import Identity


@dataclass(frozen=True, slots=True)
class FinalRecords:
    """The final records of a request, as they are published."""

    reply: bytes
    usage: bytes
    trace: str = ""
    """The traceparent of whoever made them."""
    retryable: bool = field(default=False, compare=False)
    """Whether the request may run again if it is sent again; of ours alone."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.reply) + len(self.usage)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The request is ours. token: the owner token of this lease.

    again: an earlier lease of this request lapsed, with nothing recorded and nobody told: its
    holder died, and may have spent money. lapsed: how many did.
    """

    identity: Identity
    token: str
    again: bool = False
    lapsed: int = 0


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker holds the lease."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is answered already, with these records."""

    ending: FinalRecords


@dataclass(frozen=True, slots=True)
class Unguarded:
    """Redis is away: go on, at the risk of doing it twice."""

    identity: Identity
    again: ClassVar[bool] = False
    """Nobody knows whether another worker had begun with it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another request of the tenant has this id."""


Claim: TypeAlias = Claimed | Recorded | Conflict | Unguarded
