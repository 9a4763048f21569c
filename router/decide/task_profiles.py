"""Task profiles from recorded outcomes: success by tier, and the usual length of an answer.

Reads one JSON object a line: `task`, `tier`, `good` (true, false or 0..1), and optionally
`output_tokens`. Gives the `policy.tasks` section of `switchgear.yaml`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.config.sections.policy import PolicyShare, TaskProfile

MIN_OUTCOMES: Final = 30
"""Outcomes of a task at a tier below which nothing is said about it."""

_PRIOR_GOOD, _PRIOR_BAD = 1.0, 1.0


class RecordedOutcome(BaseModel):
    """One answered request of the record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task: Annotated[str, Field(min_length=1)]
    tier: Annotated[str, Field(min_length=1)]
    good: PolicyShare
    output_tokens: Annotated[int, Field(ge=1)] | None = None


class BadRecord(ValueError):  # noqa: N818  (it is what the record is)
    """A line of the record isn't an outcome."""


def read_outcomes(lines: Iterable[str]) -> list[RecordedOutcome]:
    """The outcomes of JSON lines. Raises BadRecord with the line's number."""
    outcomes = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                outcomes.append(RecordedOutcome.model_validate_json(line))
            except ValidationError as error:
                first = error.errors(include_input=False)[0]
                where = ".".join(map(str, first["loc"])) or "the line"
                raise BadRecord(f"line {number}: {where}: {first['msg']}") from None
    return outcomes


def learn_profiles(outcomes: Sequence[RecordedOutcome]) -> dict[str, TaskProfile]:
    """A profile of each task with enough outcomes at some tier; a tier's share is smoothed."""
    by_task: dict[str, list[RecordedOutcome]] = defaultdict(list)
    for outcome in outcomes:
        by_task[outcome.task].append(outcome)
    profiles = {task: _profile(rows) for task, rows in sorted(by_task.items())}
    return {task: profile for task, profile in profiles.items() if profile.success}


def _profile(rows: Sequence[RecordedOutcome]) -> TaskProfile:
    by_tier: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_tier[row.tier].append(row.good)
    lengths = [row.output_tokens for row in rows if row.output_tokens is not None]
    return TaskProfile(
        success={
            tier: round((sum(good) + _PRIOR_GOOD) / (len(good) + _PRIOR_GOOD + _PRIOR_BAD), 3)
            for tier, good in sorted(by_tier.items())
            if len(good) >= MIN_OUTCOMES
        },
        output_tokens=round(median(lengths)) if lengths else None,
    )
