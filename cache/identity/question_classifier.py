"""Question classifier: a question's kind by its vector, for what the recogniser is unsure about.

A neural network with one hidden layer, fitted together with the last layers of the model that makes
the vector. Its probabilities and the recogniser's are put together as the weighted mean of their
logarithms: the two err on different questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.recogniser import KINDS, Recognition, Shares

CLASSIFIER_FORMAT: Final = 1
UNSURE_FROM: Final = 0.001
"""From this probability of being bound on the recogniser errs, on authors it hasn't seen."""
LONGEST_QUESTION: Final = 400
"""Signs; a longer text is no plain question, and would take 40 ms."""
CLASSIFIER_SHARE: Final = 0.8
"""Of the mean; the rest is the recogniser's."""
DOUBT: Final = 0.15
REFUSE: Final = 0.35
"""Thresholds of what both say, in place of the recogniser's own."""


@dataclass(frozen=True, slots=True)
class QuestionClassifier:
    """The weights. `read_classifier` makes it of the file that training writes."""

    embedder: str
    """The version of the vectors that it reads."""
    mean: NDArray[np.float32]
    """Of all questions' vectors; shape (width,)."""
    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    output: NDArray[np.float32]
    output_bias: NDArray[np.float32]

    def shares(self, vector: NDArray[np.float32]) -> Shares:
        """Probabilities of `KINDS` by a vector of unit length."""
        centred = vector - self.mean
        centred /= max(float(np.linalg.norm(centred)), 1e-9)
        inner = np.maximum(centred @ self.hidden + self.hidden_bias, 0)
        scores = inner @ self.output + self.output_bias
        raised = np.exp(scores - scores.max())
        first, second, third, fourth = (raised / raised.sum()).tolist()
        return first, second, third, fourth


def read_classifier(parts: Mapping[str, NDArray[Any]]) -> QuestionClassifier:
    """The classifier of a file's arrays. Raises ValueError or KeyError when they are none."""
    if int(parts["format"]) != CLASSIFIER_FORMAT:
        raise ValueError(f"format {int(parts['format'])}, not {CLASSIFIER_FORMAT}")
    names = ("mean", "hidden", "hidden_bias", "output", "output_bias")
    arrays = {name: parts[name].astype(np.float32) for name in names}
    if arrays["output"].shape[1] != len(KINDS):
        raise ValueError("the weights are not those of the recogniser's kinds")
    return QuestionClassifier(str(parts["embedder"]), **arrays)


def is_unsure(text: str, first: Recognition) -> bool:
    """Whether a second look may change what the recogniser says of a text."""
    unsure = first.language is None or 1 - first.share("timeless") >= UNSURE_FROM
    return unsure and len(text) <= LONGEST_QUESTION


def combined(first: Recognition, second: Shares) -> Recognition:
    """The recogniser's word and the classifier's.

    A question of unknown language stays in doubt at least.
    """
    logs = (1 - CLASSIFIER_SHARE) * np.log(np.maximum(first.shares, 1e-6))
    raised = np.exp(logs + CLASSIFIER_SHARE * np.log(np.maximum(second, 1e-6)))
    timeless, moment, person, conversation = (raised / raised.sum()).tolist()
    shares = timeless, moment, person, conversation
    if first.language is not None:
        return replace(first, shares=shares, doubt=DOUBT, refuse=REFUSE)
    # a script whose signs the model never met looks like a conversation's rest, whatever it asks
    is_read = conversation < max(timeless, moment, person)
    return replace(first, shares=shares, refuse=REFUSE) if is_read else first


def in_doubt(first: Recognition) -> Recognition:
    """The recogniser's word where a second look was wanted and not had: a doubt at least."""
    return replace(first, doubt=0.0)
