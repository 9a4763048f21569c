"""Evaluation plan: what was declared before the first call, and the ids of its requests."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from observability.evaluation.data_sets.data_set_file import PLAIN_NAME
from observability.evaluation.results.evaluation_result import CandidateName
from producers.contract import MicroUsd
from producers.contract.message import Message, Name

PLAN_FORMAT: Final = "switchgear.plan/1"
MAX_CANDIDATES: Final = 50
ORDERS: Final = 2
"""Each pair is judged in both orders."""


class EvaluationPlan(Message):
    """An evaluation as it was planned; a resumed run keeps to it."""

    format: Literal["switchgear.plan/1"] = PLAN_FORMAT
    """The version of this format."""

    name: Annotated[str, Field(pattern=PLAIN_NAME)]
    """The evaluation's name."""

    run: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    """Makes the ids of its requests its own."""

    data_set: Name
    """Name and version of the cases."""

    candidates: Annotated[tuple[CandidateName, ...], Field(min_length=2, max_length=MAX_CANDIDATES)]
    """The models or deployments that are compared, the baseline among them."""

    baseline: CandidateName
    """The candidate that the others are held against."""

    metric: str
    """What calls an answer good, as the command's option says it."""

    margin: Annotated[float, Field(gt=0, lt=1)]
    """The greatest loss of success that is acceptable."""

    cap_micro_usd: MicroUsd
    """Micro-dollars that the whole evaluation may cost."""

    latency: Literal["batch", "interactive"] = "batch"
    """How the requests are asked."""

    within_s: Annotated[float, Field(gt=0)] = 86_400
    """Seconds from publication within which an answer counts."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Of an answer, where the case has no limit of its own; null: the model's."""

    tenant: Name | None = None
    """Who pays; null: each case's own tenant."""

    stop_early: bool = False
    """Whether a candidate is asked no more once its verdict is clear."""

    look_every: Annotated[int, Field(ge=10)] = 100
    """Cases between two looks."""

    rubric: str | None = None
    """Of a judge; null: the built-in one."""

    prompts: Annotated[dict[CandidateName, str], Field(max_length=MAX_CANDIDATES)] = Field(
        default_factory=dict
    )
    """System prompts of the candidates that have a variant of their own."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Of the order of the cases, and of the bootstrap."""

    created_ms: Annotated[int, Field(ge=0)]
    """Unix milliseconds."""

    @property
    def prefix(self) -> str:
        """How the ids of its requests begin."""
        return f"evaluation/{self.name}/{self.run}/"

    def request_id(self, case: str, candidate: str) -> str:
        """Of a case at a candidate."""
        return f"{self.prefix}{case}/{self.candidates.index(candidate)}"

    def judge_id(self, case: str, candidate: str, order: int) -> str:
        """Of the judge's call about a pair. order: 0 the candidate's answer first, 1 second."""
        return f"{self.request_id(case, candidate)}/judge/{order}"

    def request_ids(self, case: str) -> Iterator[str]:
        """All that a case can have, a judge's calls included."""
        for candidate in self.candidates:
            yield self.request_id(case, candidate)
            yield from (self.judge_id(case, candidate, order) for order in range(ORDERS))
