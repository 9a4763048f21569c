"""Evaluation result: what one candidate was worth at one task, and the file that holds them all."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, ValidationError

from producers.contract import MicroUsd
from producers.contract.message import Message, Name

EVALUATION_FORMAT: Final = "switchgear.evaluation/1"
MAX_RESULT_BYTES: Final = 16_777_216
"""Of a results file: a result takes less than a kilobyte."""
MAX_RESULTS: Final = 10_000
ALL_TASKS: Final = "*"

CandidateName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[\w.:/@#-]+$")
]
"""A model or a deployment, and after a `#` the variant of the system prompt."""
_Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Difference: TypeAlias = Annotated[float, Field(ge=-1, le=1)]
_Count: TypeAlias = Annotated[int, Field(ge=0)]
_Amount: TypeAlias = Annotated[float, Field(ge=0)]
_Milliseconds: TypeAlias = Annotated[float, Field(ge=0)]

VerdictOutcome: TypeAlias = Literal["better", "not worse", "worse", "can't tell"]
"""`not worse`: by at most the margin."""


class EvaluationResult(Message):
    """What one candidate was worth at one task, on the cases of one data set."""

    evaluation: Name
    """The evaluation's name."""

    data_set: Name
    """The data set's name and version, e.g. `tickets@1`."""

    measured_ms: _Count
    """Unix milliseconds of the last answer."""

    tenant: Name | None = None
    """Whose requests they were; null: of several tenants, or of none."""

    candidate: CandidateName
    """The candidate as the operator named it."""

    model: Name
    """The model that served it, as its replies say."""

    deployment: Name | None = None
    """The deployment that served it; null: several did."""

    variant: Name | None = None
    """The variant of the system prompt; null: the cases' own."""

    task: Name | Literal["*"] = ALL_TASKS
    """The task; `*`: all tasks together."""

    metric: Name
    """What called an answer good."""

    cases: _Count
    """Cases that were asked and could be judged; one without an answer counts as a failure."""

    successes: _Count
    """Of them, those with a good answer."""

    success: _Share
    """The share of good answers."""

    success_low: _Share
    """The lower end of the share's interval: what to expect of a model that was chosen for its
    share, which flatters the best of several."""

    success_high: _Share
    """The upper end of the share's interval."""

    confidence: _Share = 0.95
    """Of the interval."""

    relative: bool = False
    """Whether an answer counted as good if it wasn't worse than the baseline's: then the share says
    nothing of how often the model is right."""

    answers: _Count = 0
    """Cases that got an answer, good or not."""

    refusals: _Count = 0
    """Answers in which the model refused."""

    format_errors: _Count = 0
    """Answers that weren't in the form that was asked for."""

    cut_off: _Count = 0
    """Answers that ended at the limit of their length."""

    input_tokens: _Count = 0
    """Of all prompts, as the provider billed them."""

    output_tokens: _Count = 0
    """Of all answers, as the provider billed them."""

    cost_micro_usd: MicroUsd | None = None
    """What all attempts for these cases cost; null: unpriced."""

    cost_per_1k_micro_usd: MicroUsd | None = None
    """Cost per 1,000 tokens weighted by response length: 1,000 times the cost, by output tokens."""

    cost_per_success_micro_usd: MicroUsd | None = None
    """The cost of all attempts, by good answers; null where there are none."""

    p50_ms: _Milliseconds | None = None
    """The median time of the provider's call; null where a batch answered."""

    p95_ms: _Milliseconds | None = None
    """The 95th percentile of it; of fewer than 200 answers it is a guess."""

    first_token_p50_ms: _Milliseconds | None = None
    """The median time from submission to the first token, the queue included; null for batches."""

    first_token_p95_ms: _Milliseconds | None = None
    """The 95th percentile of it; of fewer than 200 answers it is a guess."""


class EvaluationVerdict(Message):
    """What the cases say of a candidate beside the baseline, pair by pair."""

    candidate: CandidateName
    """As the operator named it."""

    baseline: CandidateName
    """The candidate that it was held against."""

    task: Name | Literal["*"] = ALL_TASKS
    """The task; `*`: all tasks together."""

    outcome: VerdictOutcome
    """The verdict at the stated margin."""

    margin: _Share
    """The greatest loss of success that was declared acceptable before the run."""

    pairs: _Count
    """Cases that both were asked."""

    only_candidate: _Count
    """Pairs in which the candidate alone was right."""

    only_baseline: _Count
    """Pairs in which the baseline alone was right."""

    difference: _Difference
    """The candidate's share less the baseline's."""

    low: _Difference
    """The lower end of the difference's interval."""

    high: _Difference
    """The upper end of the difference's interval."""

    confidence: _Share
    """Of the interval, corrected for the number of candidates."""

    cost_ratio: _Amount | None = None
    """The candidate's cost of these pairs by the baseline's; null where one is unpriced or free."""

    cost_ratio_low: _Amount | None = None
    """The lower end of its 95 % interval."""

    cost_ratio_high: _Amount | None = None
    """The upper end of its 95 % interval."""

    p_equal: _Share
    """McNemar's mid-p of "both are equally good"; not corrected."""

    cases_needed: _Count | None = None
    """Of "can't tell": the cases that would be enough at the disagreement seen; null otherwise."""


class EvaluationRecord(Message):
    """The file of one evaluation: figures alone, no text of a prompt or an answer."""

    format: Literal["switchgear.evaluation/1"] = EVALUATION_FORMAT
    """The version of this format."""

    evaluation: Name
    """The evaluation's name."""

    data_set: Name
    """The data set's name and version."""

    baseline: CandidateName
    """The candidate that the others are held against."""

    margin: _Share
    """The loss of success that was declared acceptable before the run."""

    chosen: CandidateName | None = None
    """The cheapest candidate that isn't worse; null: none was shown to be."""

    spent_micro_usd: MicroUsd
    """What the evaluation cost: calls of candidates and of judges."""

    results: Annotated[tuple[EvaluationResult, ...], Field(max_length=MAX_RESULTS)]
    """Of each candidate, by task and over all tasks."""

    verdicts: Annotated[tuple[EvaluationVerdict, ...], Field(max_length=MAX_RESULTS)] = ()
    """Of each candidate but the baseline, by task and over all tasks."""

    notes: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """What a reader has to know of these figures."""


class UnreadableRecordError(ValueError):
    """It isn't the file of an evaluation; the message says which field is wrong."""


def read_evaluation(raw: bytes) -> EvaluationRecord:
    """The record in a results file. Raises UnreadableRecordError."""
    if len(raw) > MAX_RESULT_BYTES:
        raise UnreadableRecordError(
            f"a results file has {len(raw):,} bytes, at most {MAX_RESULT_BYTES:,} may be"
        )
    try:
        return EvaluationRecord.model_validate_json(raw)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UnreadableRecordError(f"{where or 'the file'}: {first['msg']}") from None


def evaluation_bytes(record: EvaluationRecord) -> bytes:
    """The record as its file holds it."""
    return record.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"
