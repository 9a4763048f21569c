import json
from decimal import Decimal

import pytest

from observability.evaluation.results.evaluation_result import (
    MAX_RESULT_BYTES,
    EvaluationRecord,
    EvaluationResult,
    UnreadableRecordError,
    evaluation_bytes,
    read_evaluation,
)


def record(**changes: object) -> EvaluationRecord:
    result = EvaluationResult(
        evaluation="tickets",
        data_set="tickets@1",
        measured_ms=1,
        candidate="small",
        model="small",
        task="classify",
        metric="exact",
        cases=100,
        successes=93,
        success=0.93,
        success_low=0.86,
        success_high=0.97,
        cost_per_1k_micro_usd=Decimal("0.6"),
    )
    return EvaluationRecord.model_validate(
        {
            "evaluation": "tickets",
            "data_set": "tickets@1",
            "baseline": "large",
            "margin": 0.02,
            "spent_micro_usd": Decimal(12),
            "results": (result,),
            **changes,
        }
    )


def test_a_record_reads_back_as_it_was_written() -> None:
    assert read_evaluation(evaluation_bytes(record())) == record()


def test_money_is_exact_in_the_file() -> None:
    told = json.loads(evaluation_bytes(record()))
    assert told["results"][0]["cost_per_1k_micro_usd"] == "0.6"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "the file"),
        (b"{", "the file"),
        (b'{"format": "switchgear.evaluation/2"}', "format"),
        (evaluation_bytes(record()).replace(b'"success": 0.93', b'"success": 93'), "success"),
    ],
)
def test_what_is_no_record_says_which_field_is_wrong(raw: bytes, words: str) -> None:
    with pytest.raises(UnreadableRecordError, match=words):
        read_evaluation(raw)


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(UnreadableRecordError, match="bytes"):
        read_evaluation(b" " * (MAX_RESULT_BYTES + 1))


def test_a_newer_writers_fields_are_passed_over() -> None:
    told = json.loads(evaluation_bytes(record())) | {"later": 1}
    assert read_evaluation(json.dumps(told).encode()) == record()
