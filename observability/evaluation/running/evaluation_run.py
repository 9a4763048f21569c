"""Evaluation run: every case to every candidate, look by look, until all is answered or clear."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, TypeAlias

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.comparison.verdicts import VerdictRules, verdicts_of
from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.plain_grades import Graded, Ungradable
from observability.evaluation.results.evaluation_result import ALL_TASKS, EvaluationVerdict
from observability.evaluation.running.answer_grader import AnswerGrader
from observability.evaluation.running.call_exchange import CallExchange
from observability.evaluation.running.case_request import case_request
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from producers.contract import MicroUsd, Request

_BATCHED_AT_ONCE: Final = 5_000
MostOf: TypeAlias = Callable[[Request], MicroUsd]
"""The most that a request can cost."""


@dataclass(frozen=True, slots=True)
class RunPace:
    """How fast a run asks, and who hears of its looks."""

    at_once: int = 16
    """Interactive requests under way at once; those that wait for batches must be gathered."""
    looked: Callable[[Sequence[EvaluationVerdict]], None] = lambda _: None


@dataclass(slots=True)
class RunProgress:
    """What a run has come to."""

    asked: int = 0
    """Cases that all candidates were asked which weren't settled."""
    out_of_money: bool = False
    settled: dict[str, EvaluationVerdict] = field(default_factory=dict)
    """Candidates that are asked no more, because their verdict is clear."""
    ungradable: int = 0
    """Cases of which the metric can say nothing."""
    why_ungradable: Counter[str] = field(default_factory=Counter)
    """Answers, by why there is no grade."""


class EvaluationRun:
    """One run over the cases of one data set."""

    def __init__(
        self,
        plan: EvaluationPlan,
        cases: Sequence[EvaluationCase],
        exchange: CallExchange,
        most_of: MostOf,
        pace: RunPace,
    ) -> None:
        self.plan = plan
        self.cases = sorted(cases, key=lambda case: _lot(plan.seed, case.id))
        self.progress = RunProgress()
        self._exchange = exchange
        self._most_of = most_of
        self._at_once = pace.at_once if plan.latency == "interactive" else _BATCHED_AT_ONCE
        self._looked = pace.looked

    async def ask_all(self, grader: AnswerGrader | None) -> None:
        """Asks; with early stops, grades at each look. Raises PublishFailedError."""
        every = self.plan.look_every if self.plan.stop_early else len(self.cases)
        for begin in range(0, len(self.cases), max(1, every)):
            await self._ask(self.cases[begin : begin + every])
            await self._exchange.settled()
            if self.progress.out_of_money:
                return
            if grader is not None and self.plan.stop_early:
                self._settle(verdicts_of(await self.graded(grader), self.rules(), ALL_TASKS))
            if len(self.progress.settled) == len(self.plan.candidates) - 1:
                return

    async def _ask(self, cases: Iterable[EvaluationCase]) -> None:
        open_ones = [name for name in self.plan.candidates if name not in self.progress.settled]
        for case in cases:
            for candidate in open_ones:
                if not await self.publish(case_request(self.plan, case, candidate)):
                    self.progress.out_of_money = True
                    return
            self.progress.asked += 1

    async def publish(self, request: Request) -> bool:
        """Whether the cap had room for it; waits for its turn. Raises PublishFailedError."""
        await self._exchange.settled(self._at_once - 1)
        return await self._exchange.ask(request, self._most_of(request))

    def rules(self, *, believed: bool = True) -> VerdictRules:
        """Of all looks of this run."""
        plan = self.plan
        rivals = len(plan.candidates) - 1
        return VerdictRules(
            plan.baseline, plan.margin, plan.stop_early, rivals, plan.seed, believed
        )

    def _settle(self, verdicts: Sequence[EvaluationVerdict]) -> None:
        self._looked(verdicts)
        for verdict in verdicts:
            if verdict.outcome != "can't tell":
                self.progress.settled.setdefault(verdict.candidate, verdict)

    async def graded(self, grader: AnswerGrader) -> list[GradedAnswer]:
        """Every answer so far with its grade. A case that can't be graded counts for nobody."""
        answers: list[GradedAnswer] = []
        self.progress.ungradable = 0
        self.progress.why_ungradable.clear()
        for case in self.cases:
            grades = []
            for candidate in self.plan.candidates:
                call = self._exchange.journal.answered.get(self.plan.request_id(case.id, candidate))
                if call is not None:
                    grades.append((candidate, call, await grader.grade(case, call)))
            gradable = [each for each in grades if isinstance(each[2], Graded)]
            if len(gradable) < len(grades):
                self.progress.ungradable += 1
                whys = (each[2].reason for each in grades if isinstance(each[2], Ungradable))
                self.progress.why_ungradable.update(whys)
                continue
            answers += [
                GradedAnswer(case, name, call, grade.good, grade.format_error)
                for name, call, grade in gradable
                if isinstance(grade, Graded)
            ]
        return answers


def _lot(seed: int, case: str) -> bytes:
    """An order that looks random, and is the same in every run."""
    return blake2b(f"{seed}\0{case}".encode(), digest_size=8).digest()
