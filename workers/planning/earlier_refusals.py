"""Refusals in the attempts of other workers: what no later call of the same deployment changes."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from producers.contract import Attempt
from workers.planning.request_state import TriedTarget

_Refusal: TypeAlias = Literal["unsupported", "translation", "longer", "filtered"]


def is_unsent(attempt: Attempt) -> bool:
    """Whether the deployment's dialect had no words for it: nothing was called."""
    return attempt.outcome == "RequestRejected" and attempt.status is None


def earlier_refusals(attempts: Iterable[Attempt]) -> tuple[TriedTarget, ...]:
    """Those that hold for good, whichever worker and tier they were met in."""
    return tuple(
        TriedTarget(attempt.deployment, 0, follow, attempt.outcome)
        for attempt in attempts
        if (follow := _refusal(attempt)) is not None
    )


def _refusal(attempt: Attempt) -> _Refusal | None:
    match attempt.outcome:
        case "RequestRejected":
            return "unsupported" if is_unsent(attempt) else "translation"
        case "ContextTooLong":
            return "longer"
        case "ContentFiltered":
            return "filtered"
        case _:
            return None
