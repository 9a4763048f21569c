"""What have outcomes taught about a tenant's task at a tier, and how far is that to be believed?

An answer counts once: what the first check says of it, until a person speaks. What an imperfect
witness says counts as far as it can be believed (`witnesses`), taken together with what was
promised, or what is known by now if that is less: silence of the checks proves nothing, while their
refusals add up.

Bounded: an estimate never moves further than `max_shift`, old outcomes fade, and of too many tracks
or tasks the one that was silent longest goes. Reversible: `forget`, or switch learning off.
Visible: `Outcomes.table`, and a reason in every route that it changed. Off until a tenant has
`min_outcomes` at a tier.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from producers.contract.feedback import Feedback
from router.learn.calibration import (
    CalibrationFit,
    OutcomeEvidence,
    fit_calibration,
    logit_standard_error,
)
from router.learn.estimate import Estimate, OutcomeKey, PosteriorSuccess, logit, sigmoid
from runtime.config.sections.feedback_reliability import HUMAN_SOURCES
from runtime.config.sections.policy import LearningSettings

MAX_TRACKS: Final = 2_000
MAX_TASKS: Final = 100
MAX_RECORDED_ANSWERS: Final = 10_000
_REFIT_SHARE: Final = 0.01
_NOTHING: Final = 1e-9
_LEAST_WIDTH: Final = 0.15
_NINE_IN_TEN: Final = 1.645
"""Standard deviations to either side that hold nine cases of ten."""


@dataclass(frozen=True, slots=True)
class WeighedOutcome:
    """What an answer counts for. share: how good it was, 0..1; promised: what was expected of it.

    weight: 1 for what a person saw.
    """

    share: float
    promised: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class RecordedFeedback:
    """An outcome as it was told of a task, with the ages of the evidence once it held it."""

    task: str
    outcome: WeighedOutcome
    age: float = 0.0
    task_age: float = 0.0


class TrackRecord:
    """The outcomes of one tenant at one tier."""

    def __init__(self) -> None:
        self.everything = OutcomeEvidence()
        self.tasks: OrderedDict[str, OutcomeEvidence] = OrderedDict()
        self._fit: CalibrationFit | None = None
        self._news = 0

    def add(self, task: str, one: WeighedOutcome, memory: int) -> RecordedFeedback:
        """Takes one outcome; what it returns takes it back."""
        told = one.share, one.promised, memory, one.weight
        # a task that comes back is younger than whatever was told of it before it went
        begun = OutcomeEvidence(age=self.everything.age, first_age=self.everything.age)
        self.everything = self.everything.with_outcome(*told)
        self.tasks[task] = self.tasks.get(task, begun).with_outcome(*told)
        self.tasks.move_to_end(task)
        if len(self.tasks) > MAX_TASKS:
            self.tasks.popitem(last=False)
        self._news += 1
        return RecordedFeedback(task, one, self.everything.age, self.tasks[task].age)

    def withdraw(self, heard: RecordedFeedback) -> None:
        """Takes an outcome back, as far as it hasn't faded; a task without any others goes."""
        told = heard.outcome.share, heard.outcome.promised, heard.outcome.weight
        self.everything = self.everything.without_outcome(*told, heard.age)
        if heard.task in self.tasks:
            left = self.tasks[heard.task].without_outcome(*told, heard.task_age)
            self.tasks[heard.task] = left
            if left.total < _NOTHING:
                del self.tasks[heard.task]

    def fit(self) -> CalibrationFit:
        """Anew once a hundredth of the outcomes is news: it is asked for with every request."""
        if self._fit is None or self._news > _REFIT_SHARE * self.everything.total:
            self._fit = fit_calibration(self.everything, self.tasks.values())
            self._news = 0
        return self._fit


class OutcomeStore:
    """The evidence that one router process has."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[tuple[str, str], TrackRecord] = OrderedDict()
        self._heard: OrderedDict[OutcomeKey, RecordedFeedback] = OrderedDict()

    def record_feedback(self, feedback: Feedback, rules: LearningSettings) -> None:
        """Records a feedback; one that doesn't say what was expected teaches nothing."""
        answer = (feedback.tenant, feedback.id, feedback.tier)
        before = self._heard.get(answer)
        if feedback.expected is None or (before and feedback.source not in HUMAN_SOURCES):
            return
        key = (feedback.tenant, feedback.task, feedback.tier)
        one = self._weighed(key, feedback, feedback.expected, rules)
        track = self._tracks.get((feedback.tenant, feedback.tier))
        if before is not None and track is not None:
            track.withdraw(before)
        heard = (
            self.record_outcome(key, one, rules)
            if one.weight
            else RecordedFeedback(feedback.task, one)
        )
        self._heard[answer] = heard
        self._heard.move_to_end(answer)
        if len(self._heard) > MAX_RECORDED_ANSWERS:
            self._heard.popitem(last=False)

    def _weighed(
        self, key: OutcomeKey, feedback: Feedback, promised: float, rules: LearningSettings
    ) -> WeighedOutcome:
        witness = rules.reliability_of(feedback.source)
        known = self.posterior(key, Estimate(promised, promised, promised), rules).mean
        return WeighedOutcome(
            witness.probability_good(feedback.good, min(promised, known)), promised, witness.weight
        )

    def record_outcome(
        self, key: OutcomeKey, one: WeighedOutcome, rules: LearningSettings
    ) -> RecordedFeedback:
        """Takes one outcome."""
        tenant, task, tier = key
        track = self._tracks.setdefault((tenant, tier), TrackRecord())
        heard = track.add(task, one, rules.memory)
        self._tracks.move_to_end((tenant, tier))
        if len(self._tracks) > MAX_TRACKS:
            self._drop({next(iter(self._tracks))})
        return heard

    def posterior(self, key: OutcomeKey, prior: Estimate, rules: LearningSettings) -> Estimate:
        """`prior` after what is known; `prior` itself while learning is off or knows too little."""
        tenant, task, tier = key
        track = self._tracks.get((tenant, tier))
        if not rules.enabled or track is None or track.everything.total < rules.min_outcomes:
            return prior
        own = track.tasks.get(task)
        found = track.fit().predict(prior.mean, own)
        mean = max(prior.mean - rules.max_shift, min(prior.mean + rules.max_shift, found))
        return _around(mean, rules.min_outcomes + (own.total if own else 0))

    def posterior_with(self, rules: LearningSettings) -> PosteriorSuccess:
        """The estimates after what is known, as a `Basis` takes them."""
        return lambda key, prior: self.posterior(key, prior, rules)

    def forget(self, tenant: str | None = None, tier: str | None = None) -> int:
        """Drops what was learned: everything, or a tenant's, or a tier's whose model was swapped.

        Returns how many tracks are gone.
        """
        gone = {key for key in self._tracks if tenant in {None, key[0]} and tier in {None, key[1]}}
        self._drop(gone)
        return len(gone)

    def _drop(self, gone: set[tuple[str, str]]) -> None:
        """With what was heard: a later word must not take it from the track that comes after."""
        for key in gone:
            del self._tracks[key]
        for answer in [one for one in self._heard if (one[0], one[2]) in gone]:
            del self._heard[answer]

    def entries(self) -> Iterator[tuple[OutcomeKey, OutcomeEvidence]]:
        """Everything that is known, by key."""
        for (tenant, tier), track in sorted(self._tracks.items(), key=lambda item: item[0]):
            for task, evidence in sorted(track.tasks.items(), key=lambda item: item[0]):
                yield (tenant, task, tier), evidence


def _around(mean: float, outcomes: float) -> Estimate:
    width = max(_LEAST_WIDTH, _NINE_IN_TEN * logit_standard_error(mean, outcomes))
    return Estimate(mean, sigmoid(logit(mean) - width), sigmoid(logit(mean) + width))
