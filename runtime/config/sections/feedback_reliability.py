"""Reliability of feedback sources: how far is each to be believed, and what does it then teach?

A person's word is the outcome itself. Every other witness misses some bad answers and refuses some
good ones, so what it says is turned by Bayes' rule into how likely the answer was good. An answer
that passes a witness who misses much is hardly better for it, and a witness who refuses as many
answers as it would if all was as promised teaches nothing.

Its word weighs the square of Youden's J, catches less false alarms: about what it tells, measured
in outcomes seen by a person.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from producers.contract.feedback import FeedbackSource
from runtime.config.sections.section import Section


class SourceReliability(Section):
    """catches: share of the bad answers that it refuses; false_alarms: of the good ones."""

    catches: Annotated[float, Field(ge=0, le=1)] = 1.0
    false_alarms: Annotated[float, Field(ge=0, le=1)] = 0.0

    @property
    def weight(self) -> float:
        """In outcomes; 0 for a witness who might as well toss a coin."""
        return max(0.0, self.catches - self.false_alarms) ** 2

    def probability_good(self, said: float, promised: float) -> float:
        """How likely the answer was good. said: 1 passed, 0 refused; promised: before it spoke."""
        passed = _share(promised * (1 - self.false_alarms), (1 - promised) * (1 - self.catches))
        refused = _share(promised * self.false_alarms, (1 - promised) * self.catches)
        return said * passed + (1 - said) * refused


ASSUMED_RELIABILITY: Final[Mapping[FeedbackSource, SourceReliability]] = {
    "user": SourceReliability(),
    "escalation": SourceReliability(),
    "validator": SourceReliability(catches=0.8, false_alarms=0.02),
    "judge": SourceReliability(catches=0.7, false_alarms=0.1),
    "lookup": SourceReliability(catches=0.6, false_alarms=0.1),
}
"""Until the operator measures them, as `policy.learning.witnesses`.

The look-up, on answers with two claims or more (`bench.groundedness`): 7 % false alarms, taken as
10 %; it catches 91 % of the ungrounded answers, and two in three bad answers are assumed to be so.
The judge's figures are an assumption too; those of validators are the cascade's.
"""

HUMAN_SOURCES: Final[frozenset[FeedbackSource]] = frozenset({"user", "escalation"})


def _share(good: float, bad: float) -> float:
    return good / (good + bad) if good + bad > 0 else 0.5
