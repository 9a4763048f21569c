"""A shadow's rounds: each samples the traffic since the last, within one budget."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from observability.evaluation.results.evaluation_result import EvaluationRecord, evaluation_bytes
from observability.evaluation.storage.evaluation_folder import EvaluationFolder
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from switchgear.evaluation import commands, data_commands
from switchgear.evaluation.shadow_commands import shadow

COST: Final = Decimal(600_000)
"""Micro-dollars of a round."""


class Rounds:
    """What the rounds did, in place of Kafka."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.samples: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.slept_s: list[float] = []
        self.empty = False
        self._clock_ns = time.time_ns()
        monkeypatch.setattr(data_commands, "sample", self._sample)
        monkeypatch.setattr(commands, "run", self._run)
        monkeypatch.setattr(time, "sleep", self._sleep)
        monkeypatch.setattr(time, "time_ns", lambda: self._clock_ns)
        monkeypatch.setattr(time, "time", lambda: self._clock_ns / 1e9)

    def _sample(self, name: str, **options: Any) -> None:  # noqa: ANN401 the command's options
        self.samples.append({"name": name, **options})
        if self.empty:
            raise typer.Exit(1)

    def _run(self, name: str, **options: Any) -> None:  # noqa: ANN401 the command's options
        self.runs.append({"name": name, **options})
        record = EvaluationRecord(
            evaluation=name,
            data_set=f"{name}@1",
            baseline="old",
            margin=0.02,
            spent_micro_usd=COST,
            results=(),
        )
        place = options["folder"] / name
        place.mkdir(parents=True)
        (place / "results.json").write_bytes(evaluation_bytes(record))

    def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self._clock_ns += int(seconds * 1e9)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def test_rounds_follow_one_another_until_the_budget_is_spent(
    rounds: Rounds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shadow("live", ["new"], "old", Decimal(1), share=0.05, every="1h", folder=tmp_path)
    assert [run["max_usd"] for run in rounds.runs] == [Decimal(1), Decimal("0.4")]
    assert [sample["share"] for sample in rounds.samples] == [0.05, 0.05]
    first, second = rounds.samples
    assert first["until"] == pytest.approx(second["since"], abs=1)
    assert first["until"] - first["since"] == 3_600_000
    assert [run["data"] for run in rounds.runs] == [sample["name"] for sample in rounds.samples]
    assert "the budget of 1 USD is spent" in capsys.readouterr().out


def test_a_round_without_traffic_asks_nothing(rounds: Rounds, tmp_path: Path) -> None:
    rounds.empty = True
    shadow("live", ["new"], "old", Decimal(1), every="10m", rounds=2, folder=tmp_path)
    assert len(rounds.samples) == 2
    assert rounds.runs == []
    assert rounds.slept_s == [pytest.approx(600, abs=1)]


def test_a_round_that_was_cut_off_counts_with_its_whole_cap(rounds: Rounds, tmp_path: Path) -> None:
    plan = EvaluationPlan(
        name="live-20261126-210000",
        run="0" * 8,
        data_set="d@1",
        candidates=("old", "new"),
        baseline="old",
        metric="validators",
        margin=0.02,
        cap_micro_usd=Decimal(900_000),
        created_ms=1,
    )
    EvaluationFolder(tmp_path).write_plan(plan)
    shadow("live", ["new"], "old", Decimal(1), rounds=1, folder=tmp_path)
    assert [run["max_usd"] for run in rounds.runs] == [Decimal("0.1")]


def test_a_round_needs_a_length(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no time"):
        shadow("live", ["new"], "old", Decimal(1), every="often", folder=tmp_path)
