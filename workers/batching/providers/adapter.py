"""Batch adapter protocol: what the pool may ask of any provider's batch interface.

No method raises for what a provider does: what can go wrong is a value. Creating is tried once.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from producers.contract.batch_record import BatchRecord
from workers.batching.wires.batch_status import BatchRefusal, BatchStatus, ResultLine


@dataclass(frozen=True, slots=True)
class LineItem:
    """One request of a batch on its way to the provider. body: as a call would send it."""

    custom_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """The provider has it."""

    id: str
    unproven: bool = False
    """It was recognised by its size and time alone."""


@dataclass(frozen=True, slots=True)
class NotCreated:
    """The provider certainly doesn't have it. retry: whether the same may succeed later.

    refusal: where what it holds was refused, and a part of it may be taken.
    """

    reason: str
    retry: bool
    refusal: BatchRefusal | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """The provider may have it: look before sending again."""

    reason: str


CreateOutcome: TypeAlias = Created | NotCreated | Unclear


@dataclass(frozen=True, slots=True)
class Away:
    """The provider didn't tell: ask again later."""

    reason: str


class BatchAdapter(Protocol):
    """One deployment's batch interface."""

    def refusal(self, body: bytes) -> str | None:
        """Why a request can't be in a batch, though a call could be made of it; None if it can."""
        ...

    async def create(self, record: BatchRecord, items: Sequence[LineItem]) -> CreateOutcome:
        """Asks the provider once to work on `items`."""
        ...

    async def find(self, record: BatchRecord, known: frozenset[str]) -> Created | NotCreated | Away:
        """The batch of an unclear creation, if the provider has it. known: ids of all others."""
        ...

    async def status(self, record: BatchRecord) -> BatchStatus | Away:
        """The batch as it stands."""
        ...

    async def cancel(self, record: BatchRecord) -> Away | None:
        """Asks for an early end. None: the provider has heard it."""
        ...

    def results(self, status: BatchStatus) -> AsyncIterator[ResultLine]:
        """What came of the requests, line by line. Raises ResultsUnreadableError."""
        ...


class ResultsUnreadableError(Exception):
    """The results can't be read now: reading begins anew later."""


class ResultsAbsentError(ResultsUnreadableError):
    """The provider says that there are none at that place."""
