import json
from collections.abc import Sequence
from pathlib import Path

from observability.groundedness import sampled
from observability.judging import Judge
from observability.ledger import Batch
from observability.metrics import Metrics
from observability.period import Period
from observability.quality import measure, to_json
from observability.stores import ledger_at
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event


def test_rates_by_model_and_task_with_intervals_worst_first(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path / "ledger.duckdb")
    ledger.create()
    shares: dict[str, Sequence[float | None]] = {
        "good": [0.0] * 38 + [0.5] * 2,
        "bad": [0.0] * 20 + [0.9] * 20,
        "blind": [None] * 5,
    }
    events = [
        usage_event(0).model_copy(
            update={
                "id": f"{model}{n}",
                "model": model,
                "task": "qa",
                "unsupported_share": share,
                "finish_reason": "length" if n < 4 else "stop",
            }
        )
        for model, listed in shares.items()
        for n, share in enumerate(listed)
    ]
    ledger.book(Batch(events, {}))
    with ledger.reading() as db:
        measured = measure(db, Period(START_MS, START_MS + DAY_MS))
    assert [q.model for q in measured] == ["bad", "good", "blind"]
    assert measured[0].ungrounded.value == 0.5
    assert measured[1].ungrounded.low < 0.05 < measured[1].ungrounded.high
    assert measured[2].ungrounded.value is None
    assert measured[0].truncated.value == 0.1
    assert json.loads(to_json(measured))[2]["ungrounded"]["rate"] is None


async def test_a_judge_is_asked_about_the_sample_only_and_counted() -> None:
    asked: list[list[dict[str, str]]] = []

    async def ask(messages: list[dict[str, str]]) -> str:
        asked.append(messages)
        return '{"unsupported": ["in 1978"]}'

    metrics = Metrics()
    judge = Judge(ask, metrics, share=0.2)
    for number in range(50):
        await judge.look_at(f"r{number}", "m", "Founded in 1987.", "Founded in 1978.")
    assert len(asked) == sum(sampled(f"r{n}", 0.2) for n in range(50)) > 0
    labels = {"model": "m", "by": "judge", "verdict": "unsupported"}
    assert metrics.value("switchgear_groundedness_checks_total", **labels) == len(asked)


async def test_a_judge_without_an_answer_is_no_verdict() -> None:
    async def silent(_messages: list[dict[str, str]]) -> None:
        return None

    judge = Judge(silent, Metrics(), share=1)
    assert await judge.look_at("r", "m", "c", "a") is None
