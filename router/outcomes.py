"""What have outcomes taught about a tenant's task at a tier, and how far is that to be believed?

Per (tenant, task, tier) three numbers: the weight of good and of bad answers, and how many good
ones had been expected. The estimate of a request is moved by the difference between the two, in logits,
as a Beta posterior whose prior counts as much as `min_outcomes`. Bounded: never further than
`max_shift`, never more than `MAX_KEYS` keys, old outcomes fade. Reversible: `forget`, or switch
learning off. Visible: `Outcomes.table`, and a reason in every route it changed.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from producers.feedback import Feedback
from router.classifier import Estimate, logit, sigmoid
from router.options import Learned
from router.settings import Learning

Key: TypeAlias = tuple[str, str, str]
"""(tenant, task, tier)."""

MAX_KEYS: Final = 10_000
_LEAST_WIDTH: Final = 0.15
_WIDTHS: Final = 1.645
"""Standard deviations to either side that hold nine cases of ten."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Outcomes so far, older ones faded. expected: the good ones that estimates had promised."""

    good: float = 0.0
    bad: float = 0.0
    expected: float = 0.0

    @property
    def total(self) -> float:
        """The weight of all outcomes."""
        return self.good + self.bad

    def after(self, share: float, expected: float, memory: int) -> "Evidence":
        """With one more outcome. share: how good it was, 0..1; memory: outcomes to half weight."""
        keep = 0.5 ** (1 / memory)
        return Evidence(
            self.good * keep + share,
            self.bad * keep + 1 - share,
            self.expected * keep + expected,
        )


def believe(prior: Estimate, evidence: Evidence, rules: Learning) -> Estimate:
    """`prior` moved by the evidence; `prior` itself while learning is off or has too little."""
    if not rules.enabled or evidence.total < rules.min_outcomes:
        return prior
    total = evidence.total
    promised = evidence.expected / total
    found = (evidence.good + rules.min_outcomes * promised) / (total + rules.min_outcomes)
    centre = logit(prior.mean) + logit(found) - logit(promised)
    mean = _within(sigmoid(centre), prior.mean, rules.max_shift)
    width = max(_LEAST_WIDTH, _WIDTHS / (found * (1 - found) * total + 1) ** 0.5)
    return Estimate(mean, *(sigmoid(logit(mean) + side * width) for side in (-1, 1)))


class Outcomes:
    """The evidence that one router process has."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Evidence] = OrderedDict()

    def record(self, key: Key, share: float, expected: float, rules: Learning) -> None:
        """Takes one outcome; of too many keys, the one that was silent longest goes."""
        known = self._known.get(key, Evidence())
        self._known[key] = known.after(share, expected, rules.memory)
        self._known.move_to_end(key)
        if len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)

    def believe(self, key: Key, prior: Estimate, rules: Learning) -> Estimate:
        """`prior` after what is known of `key`."""
        evidence = self._known.get(key)
        return prior if evidence is None else believe(prior, evidence, rules)

    def learned(self, rules: Learning) -> Learned:
        """The estimates after what is known, as a `Basis` takes them."""
        return lambda key, prior: self.believe(key, prior, rules)

    def take(self, feedback: Feedback, rules: Learning) -> None:
        """Records a feedback; one that doesn't say what was expected teaches nothing."""
        if feedback.expected is not None:
            key = (feedback.tenant, feedback.task, feedback.tier)
            self.record(key, feedback.good, feedback.expected, rules)

    def forget(self, tenant: str | None = None, task: str | None = None) -> int:
        """Drops what was learned, of everything or of one tenant or task; returns how many keys."""
        gone = [key for key in self._known if tenant in {None, key[0]} and task in {None, key[1]}]
        for key in gone:
            del self._known[key]
        return len(gone)

    def table(self) -> Iterator[tuple[Key, Evidence]]:
        """Everything that is known, by key."""
        return iter(sorted(self._known.items()))

    def restore(self, known: Mapping[Key, Evidence]) -> None:
        """Takes the place of everything that is known with a copy made from `table`."""
        self._known = OrderedDict(known)


def _within(value: float, centre: float, reach: float) -> float:
    return max(centre - reach, min(centre + reach, value))
