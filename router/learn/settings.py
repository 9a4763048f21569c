"""Learning section of the routing policy (`policy.learning` in `switchgear.yaml`)."""

from typing import Annotated

from pydantic import Field

from producers.contract.feedback import FeedbackSource
from router.learn.feedback_reliability import ASSUMED_RELIABILITY, SourceReliability
from runtime.config.catalog import Section


class LearningSettings(Section):
    """Learning from outcomes; off until switched on, and then only with enough of them."""

    enabled: bool = False
    min_outcomes: Annotated[int, Field(ge=1)] = 50
    """Outcomes of a tenant at a tier below which the prior alone counts."""

    max_shift: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The furthest that outcomes move a success estimate from its prior."""

    memory: Annotated[int, Field(ge=10)] = 2_000
    """Outcomes after which older ones have faded to a half."""

    explore: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Share of a task's requests that may try a cheaper tier within its quality floor."""

    witnesses: dict[FeedbackSource, SourceReliability] = Field(default_factory=dict)
    """How reliable a source of feedback is, where the operator measured it."""

    def reliability_of(self, source: FeedbackSource) -> SourceReliability:
        """As the operator measured it, else as we assume."""
        return self.witnesses.get(source, ASSUMED_RELIABILITY[source])
