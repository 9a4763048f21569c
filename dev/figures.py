"""How good are scores of pairs as a test for "one answer serves both"?"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of pairs with their labels (1: same) and sources."""

    scores: Array
    same: Array
    sources: Array

    def of(self, *prefixes: str) -> "Scored":
        """The pairs whose source begins with one of `prefixes`."""
        chosen = np.array([source.startswith(prefixes) for source in self.sources])
        return Scored(self.scores[chosen], self.same[chosen], self.sources[chosen])

    def threshold(self, rate: float) -> float:
        """The least score to accept so that at most `rate` of the non-duplicates are accepted."""
        others = np.sort(self.scores[self.same == 0])[::-1]
        return float(np.nextafter(others[int(rate * len(others))], np.float32(2)))

    def accepted(self, least: float, same: int) -> float:
        """The share of pairs with that label which score at least `least`."""
        return float((self.scores[self.same == same] >= least).mean())

    def recall_at(self, rate: float) -> float:
        """Duplicates found when `rate` of the non-duplicates are taken for duplicates."""
        return self.accepted(self.threshold(rate), 1)

    def precision_at(self, recall: float) -> float:
        """Of the pairs accepted, the share that are duplicates, when `recall` of them are found."""
        hits = np.sort(self.scores[self.same == 1])[::-1]
        accepted = self.scores >= hits[int(recall * len(hits))]
        return float(self.same[accepted].mean())


DEFAULTS: Final = {
    "GPTCache 0.8 (rank)": 0.60,
    "LiteLLM 0.8, RedisVL 0.2": 0.80,
    "RedisVL 0.1": 0.90,
    "Portkey 0.95": 0.95,
}
"""Default thresholds of others, as the cosine they mean for vectors of unit length."""


def at_point(scored: Scored, least: float) -> dict[str, Any]:
    """What a fixed threshold does."""
    accepted = scored.scores >= least
    return {
        "threshold": round(float(least), 4),
        "precision": round(float(scored.same[accepted].mean()), 3),
        "recall": round(scored.accepted(least, 1), 3),
        "false-hit rate": round(scored.accepted(least, 0), 4),
    }


def defaults(cosine: Scored) -> dict[str, Any]:
    """The defaults of others on the same pairs, by plain cosine."""
    return {name: at_point(cosine, least) for name, least in DEFAULTS.items()}


def table(scored: Scored, main: str) -> dict[str, Any]:
    """The figures that are compared: on the main source, and with the adversarial edits in it."""
    alone, mixed = scored.of(main), _mixed(scored, main)
    at = alone.threshold(0.05)
    return {
        "auc": round(float(roc_auc_score(alone.same, alone.scores)), 4),
        "recall at 1 % false hits": round(alone.recall_at(0.01), 3),
        "recall at 5 % false hits": round(alone.recall_at(0.05), 3),
        "precision at recall 0.2": round(alone.precision_at(0.2), 3),
        "precision at recall 0.4": round(alone.precision_at(0.4), 3),
        "with edits: recall at 1 % false hits": round(mixed.recall_at(0.01), 3),
        "with edits: recall at 5 % false hits": round(mixed.recall_at(0.05), 3),
        "with edits: precision at recall 0.4": round(mixed.precision_at(0.4), 3),
        "accepted at the 5 % point": {
            kind: round(float((scored.of(kind).scores >= at).mean()), 4)
            for kind in sorted(set(scored.sources))
            if kind.startswith("syn-")
        },
    }


def _mixed(scored: Scored, main: str) -> Scored:
    """The main source with about 0.3 edited pairs to each of its own, as in the notes' table."""
    alone, edits = scored.of(main), scored.of("syn-")
    if not len(edits.same):
        return alone
    times = max(1, round(0.3 * len(alone.same) / len(edits.same)))
    repeated = [
        np.concatenate([one, *[other] * times])
        for one, other in (
            (alone.scores, edits.scores),
            (alone.same, edits.same),
            (alone.sources, edits.sources),
        )
    ]
    return Scored(*repeated)
