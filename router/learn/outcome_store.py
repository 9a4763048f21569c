"""Outcome store: what have outcomes taught about a tenant's task at a model?

An answer counts once: what the first check says of it, until a person speaks. A check's word counts
as far as the check is reliable (`policy.learning.witnesses`), taken together with what was promised
or, if that is less, with what is known by now: silence of the checks proves nothing, while their
refusals add up.

Bounded: an estimate never moves further than `max_shift`, old outcomes fade, and of too many
tenants or tasks the one that was silent longest goes. Reversible: `forget`, or switch learning off.
Visible: `OutcomeStore.entries`, and a reason in every route that it changed. Off until a tenant has
`min_outcomes` of a model. Feedback that names no model counts for its tier, and is used for models
that have none of their own.
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
)
from router.learn.estimate import (
    Estimate,
    OutcomeKey,
    PosteriorSuccess,
    estimate_around,
    served_by,
)
from runtime.config.sections.feedback_reliability import HUMAN_SOURCES
from runtime.config.sections.policy import LearningSettings

MAX_TRACKS: Final = 2_000
MAX_TASKS: Final = 100
MAX_RECORDED_ANSWERS: Final = 10_000
_REFIT_SHARE: Final = 0.01
"""Share of the outcomes that is new when the line is fitted again."""

_NOTHING: Final = 1e-9
"""Weight that only rounding leaves."""


@dataclass(frozen=True, slots=True)
class WeighedOutcome:
    """What an answer counts for."""

    share: float
    """How good it was, 0..1."""

    promised: float
    """The success that was expected of it, 0..1."""

    weight: float = 1.0
    """1 for what a person saw."""


@dataclass(frozen=True, slots=True)
class RecordedFeedback:
    """An outcome as it was recorded, so that it can be taken back."""

    server: str
    """Who answered, as in `OutcomeKey`."""
    task: str
    outcome: WeighedOutcome
    age: float = 0.0
    """Age of the server's evidence after it was recorded."""

    task_age: float = 0.0
    """Age of the task's evidence after it was recorded."""


class TrackRecord:
    """The outcomes of one tenant with one model or tier."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.everything = OutcomeEvidence()
        self.tasks: OrderedDict[str, OutcomeEvidence] = OrderedDict()
        self._fit: CalibrationFit | None = None
        self._unfitted = 0

    def add(self, task: str, outcome: WeighedOutcome, memory: int) -> RecordedFeedback:
        """Takes one outcome; what it returns takes it back."""
        arguments = outcome.share, outcome.promised, memory, outcome.weight
        # a task that comes back is younger than whatever was recorded of it before it was dropped
        fresh = OutcomeEvidence(age=self.everything.age, first_age=self.everything.age)
        self.everything = self.everything.with_outcome(*arguments)
        self.tasks[task] = self.tasks.get(task, fresh).with_outcome(*arguments)
        self.tasks.move_to_end(task)
        if len(self.tasks) > MAX_TASKS:
            self.tasks.popitem(last=False)
        self._unfitted += 1
        return RecordedFeedback(
            self._server, task, outcome, self.everything.age, self.tasks[task].age
        )

    def withdraw(self, recorded: RecordedFeedback) -> None:
        """Takes an outcome back, as far as it hasn't faded; a task without any others goes."""
        outcome, task = recorded.outcome, recorded.task
        arguments = outcome.share, outcome.promised, outcome.weight
        self.everything = self.everything.without_outcome(*arguments, recorded.age)
        if task in self.tasks:
            self.tasks[task] = self.tasks[task].without_outcome(*arguments, recorded.task_age)
            if self.tasks[task].total < _NOTHING:
                del self.tasks[task]

    def fit(self) -> CalibrationFit:
        """Anew once a hundredth of the outcomes is new: it is asked for with every request."""
        if self._fit is None or self._unfitted > _REFIT_SHARE * self.everything.total:
            self._fit = fit_calibration(self.everything, self.tasks.values())
            self._unfitted = 0
        return self._fit


class OutcomeStore:
    """The evidence that one router process has."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[tuple[str, str], TrackRecord] = OrderedDict()
        self._recorded: OrderedDict[tuple[str, str, str], RecordedFeedback] = OrderedDict()
        """By (tenant, request id, tier)."""

    def record_feedback(self, feedback: Feedback, rules: LearningSettings) -> None:
        """Records a feedback; one that doesn't say what was expected teaches nothing."""
        answer = (feedback.tenant, feedback.id, feedback.tier)
        before = self._recorded.get(answer)
        if feedback.expected is None or (before and feedback.source not in HUMAN_SOURCES):
            return
        server = feedback.tier if feedback.model is None else served_by(feedback.model)
        if before is not None and feedback.model is None:
            server = before.server
        key = (feedback.tenant, feedback.task, server)
        outcome = self._weighed(key, feedback, feedback.expected, rules)
        track = None if before is None else self._tracks.get((feedback.tenant, before.server))
        if before is not None and track is not None:
            track.withdraw(before)
        self._recorded[answer] = (
            self.record_outcome(key, outcome, rules)
            if outcome.weight
            else RecordedFeedback(server, feedback.task, outcome)
        )
        self._recorded.move_to_end(answer)
        if len(self._recorded) > MAX_RECORDED_ANSWERS:
            self._recorded.popitem(last=False)

    def _weighed(
        self, key: OutcomeKey, feedback: Feedback, promised: float, rules: LearningSettings
    ) -> WeighedOutcome:
        reliability = rules.reliability_of(feedback.source)
        # a promise that outcomes have refuted must not vouch for the next answer
        known = self.posterior(key, Estimate(promised, promised, promised), rules).mean
        share = reliability.probability_good(feedback.good, min(promised, known))
        return WeighedOutcome(share, promised, reliability.weight)

    def record_outcome(
        self, key: OutcomeKey, outcome: WeighedOutcome, rules: LearningSettings
    ) -> RecordedFeedback:
        """Takes one outcome."""
        tenant, task, server = key
        track = self._tracks.setdefault((tenant, server), TrackRecord(server))
        recorded = track.add(task, outcome, rules.memory)
        self._tracks.move_to_end((tenant, server))
        if len(self._tracks) > MAX_TRACKS:
            self._drop({next(iter(self._tracks))})
        return recorded

    def posterior(self, key: OutcomeKey, prior: Estimate, rules: LearningSettings) -> Estimate:
        """`prior` after what is known; `prior` itself while learning is off or knows too little."""
        tenant, task, server = key
        track = self._tracks.get((tenant, server))
        if not rules.enabled or track is None or track.everything.total < rules.min_outcomes:
            return prior
        own = track.tasks.get(task)
        fitted = track.fit().predict(prior.mean, own)
        mean = max(prior.mean - rules.max_shift, min(prior.mean + rules.max_shift, fitted))
        return estimate_around(mean, rules.min_outcomes + (own.total if own else 0))

    def posterior_with(self, rules: LearningSettings) -> PosteriorSuccess:
        """`posterior` under fixed rules, as a RoutingConfig takes it."""
        return lambda key, prior: self.posterior(key, prior, rules)

    def forget(self, tenant: str | None = None, server: str | None = None) -> int:
        """Drops what was learned: everything, or a tenant's, or a tier's whose model was swapped.

        server: a tier, or a model by `served_by`. Returns how many track records are gone.
        """
        keys = {
            key for key in self._tracks if tenant in {None, key[0]} and server in {None, key[1]}
        }
        self._drop(keys)
        return len(keys)

    def _drop(self, keys: set[tuple[str, str]]) -> None:
        for key in keys:
            del self._tracks[key]
        # a later word on these answers must not be taken from the track record that comes after
        gone = [
            answer
            for answer, recorded in self._recorded.items()
            if (answer[0], recorded.server) in keys
        ]
        for answer in gone:
            del self._recorded[answer]

    def entries(self) -> Iterator[tuple[OutcomeKey, OutcomeEvidence]]:
        """Everything that is known, by key."""
        for (tenant, server), track in sorted(self._tracks.items(), key=lambda item: item[0]):
            for task, evidence in sorted(track.tasks.items(), key=lambda item: item[0]):
                yield (tenant, task, server), evidence
