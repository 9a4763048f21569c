"""`python -m bench.evaluation`: the source article's test, from tickets to a verdict and a bill.

Tickets are synthetic, of templates, with known labels. The models are simulated ones that give the
right label in the article's shares (GPT-4o-mini 92 %, Mistral Small 3 93 %, Claude Haiku 94 %, Opus
97 %); half of the tickets are equally hard for all of them. Prices are the price list's. The
simulation of the sequential test (`--stopping`) needs nothing but the processor.
"""

import argparse
import json
import math
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.evaluation.installation import MODELS, Installation, installation, switchgear
from bench.evaluation.live_traffic import live_traffic
from bench.evaluation.real_model import real_model
from bench.evaluation.tickets import case_line, script_line, tickets
from bench.machine import description
from observability.evaluation.results.evaluation_result import (
    ALL_TASKS,
    EvaluationRecord,
    read_evaluation,
)
from observability.evaluation.statistics.paired_shares import PairCounts
from observability.evaluation.statistics.sequential_test import log_e_above, log_e_below

RESULTS_FILE: Final = Path("bench/results/evaluation.json")
QUALITIES: Final = {
    "gpt-4o-mini": 0.92,
    "mistral-small-2501": 0.93,
    "claude-haiku-4-5": 0.94,
    "claude-opus-4-6": 0.97,
}
BASELINE: Final = "claude-opus-4-6"
PACE: Final = {"latency_ms": 190, "first_token_ms": 60, "jitter": 0.4}
CAP_USD: Final = "20"


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000)
    parser.add_argument("--stopping", action="store_true", help="the sequential test alone")
    parser.add_argument("--real", action="store_true", help="a real small model (make model)")
    parser.add_argument("--live", action="store_true", help="early stops, promotion, live traffic")
    parser.add_argument("--keep", type=Path, help="a folder for the evaluations' files")
    arguments = parser.parse_args()
    figures = json.loads(RESULTS_FILE.read_text()) if RESULTS_FILE.exists() else {}
    if arguments.stopping:
        figures["stopping"] = shown = stopping()
    elif arguments.live:
        with installation() as running:
            figures["live_traffic"] = shown = promoted(running, arguments.tickets)
    elif arguments.real:
        figures["real_model"] = shown = real_model()
    else:
        with installation() as running:
            shown = article(running, arguments.tickets, arguments.keep)
            figures["article"] = shown
    figures["machine"] = description()
    RESULTS_FILE.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(shown, indent=2))
    return 0


def article(running: Installation, number: int, keep: Path | None) -> dict[str, Any]:
    """The same cases by batch, at once, and with early stops; each at two margins."""
    made = list(tickets(number, seed=1))
    folder = keep or running.folder / "evaluations"
    file = running.folder / "tickets.jsonl"
    file.write_text("\n".join(map(case_line, made)), encoding="utf-8")
    running.simulator.control(
        **PACE,
        qualities=QUALITIES,
        script=[script_line(each) for each in made],
        batches={"seconds": 3.0},
    )
    print(switchgear(running.environment, "evaluate", "import", "tickets", str(file), *_in(folder)))
    runs: dict[str, Any] = {}
    for name, margin, options in (
        ("batch-2", 2, ()),
        ("batch", 5, ()),
        ("at-once", 5, ("--interactive", "--at-once", "32")),
        ("early", 10, ("--interactive", "--at-once", "32", "--stop-early")),
    ):
        begun = time.monotonic()
        asked = (*_in(folder), *_plan(margin), *options)
        print(switchgear(running.environment, "evaluate", "run", name, *asked), flush=True)
        record = read_evaluation((folder / name / "results.json").read_bytes())
        runs[name] = {**_figures(record), "seconds": round(time.monotonic() - begun)}
    return {"tickets": number, "qualities": QUALITIES, "runs": runs}


def promoted(running: Installation, number: int) -> dict[str, Any]:
    """An evaluation that stops early, its promotion, and as many tickets more as live traffic."""
    made = list(tickets(2 * number, seed=1))
    file, folder = running.folder / "tickets.jsonl", running.folder / "evaluations"
    file.write_text("\n".join(map(case_line, made[:number])), encoding="utf-8")
    running.simulator.control(
        **PACE, qualities=QUALITIES, script=[script_line(each) for each in made[:number]]
    )
    print(switchgear(running.environment, "evaluate", "import", "tickets", str(file), *_in(folder)))
    options = ("--interactive", "--at-once", "32", "--stop-early")
    asked = (*_in(folder), *_plan(10), *options)
    print(switchgear(running.environment, "evaluate", "run", "early", *asked), flush=True)
    record = read_evaluation((folder / "early" / "results.json").read_bytes())
    live = live_traffic(running, folder, "early", made[number:])
    return {"evaluation": _figures(record), **live}


def _in(folder: Path) -> tuple[str, str]:
    return "--folder", str(folder)


def _plan(margin: int) -> list[str]:
    plan = ["--data", "tickets", "--baseline", BASELINE, "--max-usd", CAP_USD]
    for model in MODELS.values():
        plan += ["--candidate", model]
    return [*plan, "--margin", str(margin), "--metric", "exact:fold"]


def _figures(record: EvaluationRecord) -> dict[str, Any]:
    results = [each for each in record.results if each.task == ALL_TASKS]
    verdicts = {each.candidate: each for each in record.verdicts if each.task == ALL_TASKS}
    rows = {}
    for result in results:
        verdict = verdicts.get(result.candidate)
        rows[result.candidate] = {
            "cases": result.cases,
            "success": round(result.success, 4),
            "interval": [round(result.success_low, 4), round(result.success_high, 4)],
            "cost_usd": _usd(result.cost_micro_usd),
            "per_1k_tokens_usd": _usd(result.cost_per_1k_micro_usd),
            "p50_ms": result.p50_ms,
            "p95_ms": result.p95_ms,
            "verdict": verdict and verdict.outcome,
            "difference_points": verdict and round(verdict.difference * 100, 2),
            "points": verdict and [round(verdict.low * 100, 2), round(verdict.high * 100, 2)],
            "cases_needed": verdict and verdict.cases_needed,
        }
    spent = _usd(record.spent_micro_usd)
    head = {"margin": record.margin, "chosen": record.chosen, "spent_usd": spent}
    return {**head, "candidates": rows}


def _usd(micro: Decimal | None) -> float | None:
    return None if micro is None else round(float(micro / 1_000_000), 6)


# ------------------------------------------------------------------------------ the sequential test

_RUNS: Final = 2_000
_MOST: Final = 2_000
_EVERY: Final = 20
_ALPHA: Final = 0.025


def stopping() -> dict[str, Any]:
    """False and true verdicts over 2,000 simulated evaluations of at most 2,000 cases each.

    A look after every 20 cases, and a stop at the first verdict; margin 2 points, 2.5 % in each
    direction. `naive` looks as often with the usual test of one look.
    """
    scenes = {
        "exactly the margin worse, models disagree on 10 %": (-0.02, 0.10),
        "equal, disagree on 5 %": (0.0, 0.05),
        "equal, disagree on 10 %": (0.0, 0.10),
        "5 points worse, disagree on 10 %": (-0.05, 0.10),
        "2 points better, disagree on 10 %": (0.02, 0.10),
    }
    return {name: _scene(true, disagree) for name, (true, disagree) in scenes.items()}


def _scene(true: float, disagree: float) -> dict[str, Any]:
    chance = np.random.default_rng(11)
    shares = [(disagree + true) / 2, (disagree - true) / 2, 1 - disagree]
    counted = {"not worse": 0, "worse": 0, "can't tell": 0}
    naive = {"not worse": 0, "worse": 0, "can't tell": 0}
    cases = []
    for _ in range(_RUNS):
        drawn = chance.choice([1, -1, 0], size=_MOST, p=shares)
        wins, losses = np.cumsum(drawn == 1), np.cumsum(drawn == -1)
        looks = range(_EVERY, _MOST + 1, _EVERY)
        seen = [PairCounts(n, int(wins[n - 1]), int(losses[n - 1])) for n in looks]
        verdict, at = _first(seen, _by_e_value)
        counted[verdict] += 1
        cases.append(at)
        naive[_first(seen, _by_one_look)[0]] += 1
    return {
        **{name: number / _RUNS for name, number in counted.items()},
        "median_cases": int(np.median(cases)),
        "naive": {name: number / _RUNS for name, number in naive.items()},
    }


def _first(seen: list[PairCounts], judge: Any) -> tuple[str, int]:  # noqa: ANN401 a function
    for counts in seen:
        verdict = judge(counts)
        if verdict is not None:
            return verdict, counts.pairs
    return "can't tell", seen[-1].pairs


def _by_e_value(counts: PairCounts) -> str | None:
    threshold = math.log(1 / _ALPHA)
    if log_e_above(counts, -0.02) >= threshold:
        return "not worse"
    return "worse" if log_e_below(counts, -0.02) >= threshold else None


def _by_one_look(counts: PairCounts) -> str | None:
    spread = math.sqrt(max(counts.discordance - counts.difference**2, 1e-9) / counts.pairs)
    z = (counts.difference + 0.02) / spread
    return "not worse" if z > 1.96 else "worse" if z < -1.96 else None


if __name__ == "__main__":
    sys.exit(main())
