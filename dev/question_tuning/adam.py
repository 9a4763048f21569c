"""Adam, with weight decay, and the gradients of the low-rank changes that it fits."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np

from dev.build_multilingual_embedder import TUNING_SCALE
from dev.question_tuning.layers import Array

Parts: TypeAlias = dict[str, Array]
DECAY: Final = 0.01


class Adam:
    """The steps of one fit."""

    def __init__(self, parts: Parts, rates: Mapping[str, float]) -> None:
        """rates: of each part, at their full."""
        self._parts, self._rates, self._steps = parts, rates, 0
        self._moments = {
            name: (np.zeros_like(part), np.zeros_like(part)) for name, part in parts.items()
        }

    def step(self, gradients: Parts, share: float) -> None:
        """Changes the parts. share: of the rates. The gradients' length counts as 1 at most."""
        self._steps += 1
        length = sum(float((part * part).sum()) for part in gradients.values()) ** 0.5
        for name, part in self._parts.items():
            gradient = gradients[name] * np.float32(min(1.0, 1 / (length + 1e-9)))
            first, second = self._moments[name]
            first += np.float32(0.1) * (gradient - first)
            second += np.float32(0.001) * (gradient * gradient - second)
            move = first / (1 - 0.9**self._steps)
            move /= np.sqrt(second / (1 - 0.999**self._steps)) + 1e-8
            rate = share * self._rates[name]
            np.subtract(part, (rate * (move + DECAY * part)).astype(np.float32), out=part)


def low_rank_gradients(parts: Parts, name: str, into: Array, out: Array) -> Parts:
    """Of a product's change A B. into: what it reads; out: the gradient of what it gives."""
    first, second = parts[f"{name}.A"], parts[f"{name}.B"]
    by_first, by_second = into.T @ (out @ second.T), (into @ first).T @ out
    return {
        f"{name}.A": np.asarray(TUNING_SCALE * by_first, dtype=np.float32),
        f"{name}.B": np.asarray(TUNING_SCALE * by_second, dtype=np.float32),
    }
