"""Refused batch: a provider takes a file whole or not at all; which of its requests leave it?

A line that the provider names leaves alone, and the rest is sent again. Where it names none, the
batch is halved until the one to blame is alone. A fault of the whole file, or one refusal after
another without a batch that was taken, is no line's: then all requests go to their tier.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from producers.contract.batch_record import BatchRecord
from workers.batching.wires.batch_status import BatchRefusal

MOST_REFUSALS: Final = 32
"""In a row, of one deployment. One bad line costs fewer: a batch holds less than 2 ** 17 requests,
and every other half is taken."""
_OF_THE_FILE: Final = frozenset(
    {
        "url_mismatch",
        "model_mismatch",
        "model_not_found",
        "empty_file",
        "input_modified",
        "input_no_permissions",
    }
)


@dataclass(frozen=True, slots=True)
class WaitForRoom:
    """The same batch may be taken later."""


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """These, by their place, go to their tier; the others are sent again."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Halve:
    """These, by their place, become a batch of their own; the others are sent again."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReturnAll:
    """No part of it would be taken."""


RefusalAnswer: TypeAlias = WaitForRoom | LeaveOut | Halve | ReturnAll


def refusal_answer(
    record: BatchRecord, refusal: BatchRefusal | None, in_a_row: int, fewest: int = 1
) -> RefusalAnswer:
    """What to do with a batch of which nothing was done.

    in_a_row: refusals of the deployment's batches since one was taken, this one included.
    fewest: requests below which the provider takes no batch.
    """
    if refusal is not None and refusal.queue_is_full:
        return WaitForRoom()
    sent = record.sent_places
    hopeless = refusal is not None and refusal.code in _OF_THE_FILE and not refusal.lines
    if hopeless or len(sent) <= 1 or in_a_row > MOST_REFUSALS:
        return ReturnAll()
    named = () if refusal is None else refusal.lines
    blamed = tuple(sorted({sent[line - 1] for line in named if 1 <= line <= len(sent)}))
    left = len(sent) - len(blamed) if blamed else len(sent) // 2
    if left < fewest:
        return ReturnAll()
    return LeaveOut(blamed) if blamed else Halve(sent[len(sent) // 2 :])
