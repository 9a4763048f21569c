"""What have outcomes taught about a tenant's task at a tier, and how far is that to be believed?

Bounded: an estimate never moves further than `max_shift`, old outcomes fade, and of too many tracks
or tasks the one that was silent longest goes. Reversible: `forget`, or switch learning off.
Visible: `Outcomes.table`, and a reason in every route that it changed. Off until a tenant has
`min_outcomes` at a tier.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, TypeAlias

from producers.feedback import Feedback
from router.calibration import Evidence, Fit, fit, spread
from router.classifier import Estimate, logit, sigmoid
from router.options import Learned
from router.settings import Learning

Key: TypeAlias = tuple[str, str, str]
"""(tenant, task, tier)."""

MAX_TRACKS: Final = 2_000
MAX_TASKS: Final = 100
_REFIT_SHARE: Final = 0.01
_LEAST_WIDTH: Final = 0.15
_NINE_IN_TEN: Final = 1.645
"""Standard deviations to either side that hold nine cases of ten."""


class Track:
    """The outcomes of one tenant at one tier."""

    def __init__(self) -> None:
        self.everything = Evidence()
        self.tasks: OrderedDict[str, Evidence] = OrderedDict()
        self._fit: Fit | None = None
        self._news = 0

    def record(self, task: str, share: float, promised: float, memory: int) -> None:
        """Takes one outcome."""
        self.everything = self.everything.after(share, promised, memory)
        self.tasks[task] = self.tasks.get(task, Evidence()).after(share, promised, memory)
        self.tasks.move_to_end(task)
        if len(self.tasks) > MAX_TASKS:
            self.tasks.popitem(last=False)
        self._news += 1

    def fitted(self) -> Fit:
        """Anew once a hundredth of the outcomes is news: it is asked for with every request."""
        if self._fit is None or self._news > _REFIT_SHARE * self.everything.total:
            self._fit = fit(self.everything, self.tasks.values())
            self._news = 0
        return self._fit


class Outcomes:
    """The evidence that one router process has."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[tuple[str, str], Track] = OrderedDict()

    def take(self, feedback: Feedback, rules: Learning) -> None:
        """Records a feedback; one that doesn't say what was expected teaches nothing."""
        if feedback.expected is not None:
            key = (feedback.tenant, feedback.task, feedback.tier)
            self.record(key, feedback.good, feedback.expected, rules)

    def record(self, key: Key, share: float, promised: float, rules: Learning) -> None:
        """Takes one outcome. share: how good it was, 0..1; promised: what was expected of it."""
        tenant, task, tier = key
        track = self._tracks.setdefault((tenant, tier), Track())
        track.record(task, share, promised, rules.memory)
        self._tracks.move_to_end((tenant, tier))
        if len(self._tracks) > MAX_TRACKS:
            self._tracks.popitem(last=False)

    def believe(self, key: Key, prior: Estimate, rules: Learning) -> Estimate:
        """`prior` after what is known; `prior` itself while learning is off or knows too little."""
        tenant, task, tier = key
        track = self._tracks.get((tenant, tier))
        if not rules.enabled or track is None or track.everything.total < rules.min_outcomes:
            return prior
        own = track.tasks.get(task)
        found = track.fitted().at(prior.mean, own)
        mean = max(prior.mean - rules.max_shift, min(prior.mean + rules.max_shift, found))
        return _around(mean, rules.min_outcomes + (own.total if own else 0))

    def learned(self, rules: Learning) -> Learned:
        """The estimates after what is known, as a `Basis` takes them."""
        return lambda key, prior: self.believe(key, prior, rules)

    def forget(self, tenant: str | None = None, tier: str | None = None) -> int:
        """Drops what was learned: everything, or a tenant's, or a tier's whose model was swapped.

        Returns how many tracks are gone.
        """
        gone = [key for key in self._tracks if tenant in {None, key[0]} and tier in {None, key[1]}]
        for key in gone:
            del self._tracks[key]
        return len(gone)

    def table(self) -> Iterator[tuple[Key, Evidence]]:
        """Everything that is known, by key."""
        for (tenant, tier), track in sorted(self._tracks.items(), key=lambda item: item[0]):
            for task, evidence in sorted(track.tasks.items(), key=lambda item: item[0]):
                yield (tenant, task, tier), evidence


def _around(mean: float, outcomes: float) -> Estimate:
    width = max(_LEAST_WIDTH, _NINE_IN_TEN * spread(mean, outcomes))
    return Estimate(mean, sigmoid(logit(mean) - width), sigmoid(logit(mean) + width))
