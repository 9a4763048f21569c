"""Outcome of an evaluation: its graded answers as a record, from whichever metric it has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from observability.evaluation.comparison.candidate_figures import EvaluationNames
from observability.evaluation.comparison.evaluation_record import evaluation_record
from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.grading.metric import read_metric
from observability.evaluation.judging.pair_judgement import MOST_FLIPS, flip_rate
from observability.evaluation.results.evaluation_result import EvaluationRecord
from observability.evaluation.running.answer_grader import AnswerGrader
from observability.evaluation.running.pair_judging import PairJudging
from observability.evaluation.statistics.rater_agreement import (
    RaterAgreement,
    prediction_powered_mean,
    rater_agreement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from observability.evaluation.running.call_exchange import CallExchange
    from observability.evaluation.running.evaluation_run import EvaluationRun

_REASONS: Final = 3
_LONGEST_REASON: Final = 200


@dataclass(slots=True)
class Outcome:
    """The record, and the answers that it is made of."""

    record: EvaluationRecord
    answers: Sequence[GradedAnswer]


@dataclass(slots=True)
class _Graded:
    answers: Sequence[GradedAnswer]
    believed: bool = True
    notes: list[str] = field(default_factory=list)


async def outcome_of_run(
    run: "EvaluationRun",
    exchange: "CallExchange",
    grader: AnswerGrader | None,
    labels: "Mapping[str, bool]",
) -> Outcome:
    """What the answers so far say.

    grader: None where a judge or people decide.
    """
    plan = run.plan
    metric = read_metric(plan.metric)
    if metric.kind == "judge":
        graded = _by_judge(run, exchange, labels)
    elif metric.kind == "human" or grader is None:
        graded = _by_people(run, exchange, labels)
    else:
        graded = _Graded(await run.graded(grader))
        graded.notes += _agreement_notes(run, graded.answers, labels)
    if run.progress.ungradable:
        common = run.progress.why_ungradable.most_common(_REASONS)
        why = ", ".join(f"{reason[:_LONGEST_REASON]} ({number:,})" for reason, number in common)
        graded.notes.append(
            f"{run.progress.ungradable:,} cases couldn't be graded and are left out: {why}. "
            "Once that is mended, `switchgear evaluate report` grades the answers again."
        )
    if run.progress.out_of_money:
        graded.notes.append("The spending cap left no room for all cases.")
    of_baseline = [answer for answer in graded.answers if answer.candidate == plan.baseline]
    if of_baseline and not any(answer.good for answer in of_baseline):
        graded.notes.append(
            "None of the baseline's answers is good, so being as good proves nothing: look at the "
            "metric, the references and the failures first."
        )
    names = EvaluationNames(plan.name, plan.data_set, metric.name, relative=metric.kind == "judge")
    record = evaluation_record(
        names,
        run.rules(believed=graded.believed),
        graded.answers,
        exchange.cap.spent + exchange.cap.held,
        graded.notes,
    )
    return Outcome(record, graded.answers)


def _by_judge(
    run: "EvaluationRun", exchange: "CallExchange", labels: "Mapping[str, bool]"
) -> _Graded:
    judging = PairJudging(run, exchange)
    answers, verdicts = judging.graded()
    flips = flip_rate(verdicts)
    notes = [
        f"The judge took {flips:.0%} of its verdicts back when the order of the answers changed.",
        "A good answer is one that the judge doesn't call worse than the baseline's.",
    ]
    if judging.unread:
        notes.append(f"{judging.unread:,} pairs got no verdict that can be read.")
    if flips > MOST_FLIPS:
        notes.append(f"More than {MOST_FLIPS:.0%}: it isn't believed, and there is no verdict.")
    judged = _judged_and_labelled(run, answers, labels)
    agreement = rater_agreement([pair for each in judged.values() for pair in each.labelled])
    if agreement.labels:
        notes += _judge_notes(agreement, judged)
    else:
        notes.append("No hand labels: how far the judge is right isn't known.")
    believed = flips <= MOST_FLIPS and agreement.standing != "not usable"
    return _Graded(answers, believed, notes)


@dataclass(slots=True)
class _Judged:
    """Of one candidate: is its answer not worse than the baseline's?"""

    labelled: list[tuple[bool, bool]] = field(default_factory=list)
    """(judge, people)."""
    others: list[bool] = field(default_factory=list)
    """The judge's word where people have said nothing."""


def _judged_and_labelled(
    run: "EvaluationRun", answers: Sequence[GradedAnswer], labels: "Mapping[str, bool]"
) -> dict[str, _Judged]:
    judged: dict[str, _Judged] = {}
    for answer in answers:
        if answer.candidate == run.plan.baseline:
            continue
        mine = labels.get(run.plan.request_id(answer.case.id, answer.candidate))
        theirs = labels.get(run.plan.request_id(answer.case.id, run.plan.baseline))
        each = judged.setdefault(answer.candidate, _Judged())
        if mine is not None and theirs is not None:
            each.labelled.append((answer.good, mine or not theirs))
        else:
            each.others.append(answer.good)
    return judged


def _judge_notes(agreement: RaterAgreement, judged: "Mapping[str, _Judged]") -> list[str]:
    words = (
        f"Judge and people agree on {agreement.agreement:.0%} of {agreement.labels:,} labelled "
        f"pairs, kappa {agreement.kappa:.2f} ({agreement.low:.2f} to {agreement.high:.2f}): "
        f"{agreement.standing}."
    )
    notes = [words]
    if agreement.standing == "not usable":
        notes.append("It isn't believed, and there is no verdict.")
    for candidate, each in judged.items():
        # a judge errs otherwise about another candidate: one correction for all would be wrong
        if len(each.labelled) > 1 and each.others:
            labelled = [(float(judge), float(person)) for judge, person in each.labelled]
            corrected = prediction_powered_mean(list(map(float, each.others)), labelled)
            notes.append(
                f"Corrected by the labels, {corrected.mean:.1%} ({corrected.low:.1%} to "
                f"{corrected.high:.1%}) of {candidate}'s answers aren't worse."
            )
    return notes


def _by_people(
    run: "EvaluationRun", exchange: "CallExchange", labels: "Mapping[str, bool]"
) -> _Graded:
    answers = []
    for case in run.cases:
        names = [(each, run.plan.request_id(case.id, each)) for each in run.plan.candidates]
        if labels.keys().isdisjoint(name for _, name in names):
            continue  # nobody has looked: its failures alone would count
        for candidate, name in names:
            call, good = exchange.journal.answered.get(name), labels.get(name)
            if call is not None and (good is not None or call.outcome != "done"):
                answers.append(GradedAnswer(case, candidate, call, bool(good)))
    return _Graded(answers, notes=[f"{len(labels):,} answers are labelled by hand."])


def _agreement_notes(
    run: "EvaluationRun", answers: Sequence[GradedAnswer], labels: "Mapping[str, bool]"
) -> list[str]:
    pairs = []
    for answer in answers:
        label = labels.get(run.plan.request_id(answer.case.id, answer.candidate))
        if label is not None:
            pairs.append((answer.good, label))
    if not pairs:
        return []
    agreement = rater_agreement(pairs)
    words = (
        f"Metric and people agree on {agreement.agreement:.0%} of {agreement.labels:,} labelled "
        f"answers, kappa {agreement.kappa:.2f} ({agreement.low:.2f} to {agreement.high:.2f})."
    )
    return [words]
