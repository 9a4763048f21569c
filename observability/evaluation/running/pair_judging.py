"""Pair judging: the judge's calls about all pairs of answers, and what it said."""

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.judging.pair_judgement import (
    RUBRIC,
    SwappedVerdict,
    judge_messages,
    judge_preference,
    pair_verdict,
)
from observability.evaluation.running.call_exchange import CallExchange
from observability.evaluation.running.case_request import judge_request
from observability.evaluation.running.evaluation_run import EvaluationRun
from observability.evaluation.storage.evaluation_plan import ORDERS


class PairJudging:
    """Over the answers of one run."""

    def __init__(self, run: EvaluationRun, exchange: CallExchange) -> None:
        self.unread = 0
        """Pairs of which the judge gave no verdict that can be read."""
        self._run = run
        self._exchange = exchange
        self._answered = exchange.journal.answered

    @property
    def calls(self) -> int:
        """How often it is asked: about every pair whose answers differ, in both orders."""
        pairs = (
            self._pair(case, candidate)
            for case in self._run.cases
            for candidate in self._run.plan.candidates
        )
        return ORDERS * sum(pair is not None and pair[0] != pair[1] for pair in pairs)

    async def ask_all(self, model: str) -> bool:
        """Asks about every pair whose answers differ, in both orders; False: the money is spent.

        Raises PublishFailedError.
        """
        rubric = self._run.plan.rubric or RUBRIC
        for case in self._run.cases:
            for candidate in self._run.plan.candidates:
                texts = self._pair(case, candidate)
                if texts is None or texts[0] == texts[1]:
                    continue
                for order in range(ORDERS):
                    first, second = texts if order == 0 else texts[::-1]
                    messages = judge_messages(case, first, second, rubric)
                    name = self._run.plan.judge_id(case.id, candidate, order)
                    request = judge_request(self._run.plan, case, name, model, messages)
                    if not await self._run.publish(request):
                        await self._exchange.settled()
                        return False
        await self._exchange.settled()
        return True

    def graded(self) -> tuple[list[GradedAnswer], list[SwappedVerdict]]:
        """Answers graded by the judge beside the baseline's, and what it said of the pairs."""
        answers: list[GradedAnswer] = []
        verdicts: list[SwappedVerdict] = []
        answered = self._answered
        for case in self._run.cases:
            baseline = answered.get(self._run.plan.request_id(case.id, self._run.plan.baseline))
            if baseline is None:
                continue
            answers.append(GradedAnswer(case, self._run.plan.baseline, baseline, good=True))
            for candidate in self._run.plan.candidates:
                call = answered.get(self._run.plan.request_id(case.id, candidate))
                if candidate == self._run.plan.baseline or call is None:
                    continue
                point = self._point(case, candidate)
                if point is None:
                    self.unread += 1
                    continue
                if isinstance(point, SwappedVerdict):
                    verdicts.append(point)
                    point = point.point
                good = point >= 0
                answers.append(GradedAnswer(case, candidate, call, good, preference=point))
        return answers, verdicts

    def _point(self, case: EvaluationCase, candidate: str) -> SwappedVerdict | int | None:
        """What is known without a judge is a number; None: it gave no verdict."""
        answered = self._answered
        mine = answered[self._run.plan.request_id(case.id, candidate)]
        theirs = answered[self._run.plan.request_id(case.id, self._run.plan.baseline)]
        if "done" not in {mine.outcome, theirs.outcome}:
            return 0
        if mine.outcome != "done" or theirs.outcome != "done":
            return 1 if mine.outcome == "done" else -1
        if mine.text == theirs.text:
            return 0
        replies = [
            answered.get(self._run.plan.judge_id(case.id, candidate, order))
            for order in range(ORDERS)
        ]
        straight, swapped = (
            None if each is None else judge_preference(each.text) for each in replies
        )
        return pair_verdict(straight, swapped)

    def _pair(self, case: EvaluationCase, candidate: str) -> tuple[str, str] | None:
        """The candidate's answer and the baseline's, where both answered."""
        if candidate == self._run.plan.baseline:
            return None
        answered = self._answered
        mine = answered.get(self._run.plan.request_id(case.id, candidate))
        theirs = answered.get(self._run.plan.request_id(case.id, self._run.plan.baseline))
        if mine is None or theirs is None or {mine.outcome, theirs.outcome} != {"done"}:
            return None
        return mine.text, theirs.text
