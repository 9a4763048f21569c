"""Conduct of the simulated batch interfaces: how long, how well, and what happens next.

Set by `POST /control` with `{"batches": {...}}`.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, TypeAlias, get_args

BatchEvent: TypeAlias = Literal[
    "expire",  # half of it is done, the rest expires
    "never",  # it isn't done for an hour
    "hang",  # of a file: it isn't created, and nothing is answered
    "lost_request",  # of a file: it isn't created, and the connection is reset
    "lost_answer",  # it is created, and the connection is reset
    "error_after",  # it is created, and the answer is a 500
    "refuse",  # the file turns out to be invalid
    "bad_line",  # one line is refused, and each file that holds it; the answer names it
    "bad_line_untold",  # as above, but the answer doesn't say which
    "queue_full",  # the tokens enqueued are too many
    "drop_lines",  # one line in ten is neither in the output nor among the errors
]
EVENTS: Final[tuple[BatchEvent, ...]] = get_args(BatchEvent)


@dataclass(frozen=True, slots=True)
class BatchConduct:
    """How the batches to come are done."""

    seconds: float = 0.3
    """From creation to end."""
    item_failures: float = 0.0
    """The share of lines that fail."""
    list_lag_s: float = 0.0
    """How long a new batch is missing from lists."""
    down: bool = False
    """Whether every call answers 503."""
    results_down: bool = False
    """Whether the results of batches that have ended answer 503."""


@dataclass(slots=True)
class BatchSettings:
    """The conduct, and the events of the batches to come."""

    conduct: BatchConduct = field(default_factory=BatchConduct)
    coming: deque[BatchEvent] = field(default_factory=deque)
    bad_lines: dict[bytes, bool] = field(default_factory=dict)
    """Bodies that no file may hold, and whether a refusal says which line it was."""

    def set(self, told: Mapping[str, Any]) -> None:
        """Apply one control message. Raises ValueError that says what isn't known."""
        told = dict(told)
        upcoming = told.pop("next", ())
        unknown = told.keys() - {known.name for known in fields(BatchConduct)}
        wrong = set(upcoming) - {*EVENTS}
        if unknown or wrong:
            raise ValueError(f"unknown: {sorted(unknown | wrong)}; events are {EVENTS}")
        self.coming.extend(upcoming)
        self.conduct = replace(self.conduct, **told)

    def next(self) -> BatchEvent | None:
        """What happens to the batch that is created now."""
        return self.coming.popleft() if self.coming else None

    def refused_lines(
        self, event: BatchEvent | None, lines: list[tuple[str, bytes]]
    ) -> list[int | None]:
        """The lines of a new file that are refused, from 1; None for one that isn't named."""
        if event in {"bad_line", "bad_line_untold"} and lines:
            self.bad_lines[lines[len(lines) // 3][1]] = event == "bad_line"
        return [
            number if self.bad_lines[body] else None
            for number, (_, body) in enumerate(lines, 1)
            if body in self.bad_lines
        ]
