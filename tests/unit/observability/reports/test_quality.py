import json
from collections.abc import Sequence
from pathlib import Path

from observability.grounding.groundedness import GroundednessVerdict
from observability.ledger.ledger import UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.metrics.registry import MetricsRegistry
from observability.reports.period import ReportPeriod
from observability.reports.quality import measure_quality
from observability.reports.render_data import quality_json
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event
from workers.accounting.llm_judge import GroundednessJudge


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
    ledger.book(UsageBatch(events, {}))
    with ledger.reading() as db:
        measured = measure_quality(db, ReportPeriod(START_MS, START_MS + DAY_MS))
    assert [q.model for q in measured] == ["bad", "good", "blind"]
    assert measured[0].ungrounded.value == 0.5
    assert measured[1].ungrounded.low < 0.05 < measured[1].ungrounded.high
    assert measured[2].ungrounded.value is None
    assert measured[0].truncated.value == 0.1
    assert json.loads(quality_json(measured))[2]["ungrounded"]["rate"] is None


async def test_what_a_judge_says_is_counted_by_the_model_that_answered() -> None:
    asked: list[list[dict[str, str]]] = []

    async def ask(messages: list[dict[str, str]]) -> str:
        asked.append(messages)
        return '{"unsupported": ["in 1978"]}'

    metrics = MetricsRegistry()
    verdict = await GroundednessJudge(ask, metrics).judge(
        "m", "Founded in 1987.", "Founded in 1978."
    )
    assert verdict == GroundednessVerdict(supported=False, claims=("in 1978",))
    assert "Founded in 1987." in asked[0][1]["content"]
    labels = {"model": "m", "by": "judge", "verdict": "unsupported"}
    assert metrics.value("switchgear_groundedness_checks_total", **labels) == 1


async def test_a_judge_without_an_answer_is_no_verdict() -> None:
    async def silent(_messages: list[dict[str, str]]) -> None:
        return None

    assert await GroundednessJudge(silent, MetricsRegistry()).judge("m", "c", "a") is None
