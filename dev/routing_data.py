"""What do the recorded prompts say of a router's ranking?

APGR: the area under the share of the quality gap recovered, over the share of calls that go to the
strong model (RouteLLM, Ong et al. 2024); random is 0.5. CPT50, CPT80: the share of calls that must
go to the strong model to recover half, or four fifths, of the gap.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from producers.contract import Request
from router.serve.commands import request_to_explain

Floats = NDArray[np.float64]
_TIE_BREAKS = 3


@dataclass(frozen=True)
class Row:
    """A prompt with the measured score of each model's answer, 0..1."""

    prompt: str
    source: str
    domain: str
    weak: str
    strong: str
    models: dict[str, float]

    @cached_property
    def request(self) -> Request:
        """The prompt as a request."""
        return request_to_explain(self.prompt)


def load(path: Path) -> list[Row]:
    """The rows of a JSON-lines file, gzipped."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        return [Row(**{name: row[name] for name in Row.__annotations__}) for row in rows]


def weak(rows: Sequence[Row]) -> Floats:
    """The weak model's scores."""
    return np.array([row.models[row.weak] for row in rows])


def strong(rows: Sequence[Row]) -> Floats:
    """The strong model's scores."""
    return np.array([row.models[row.strong] for row in rows])


def recovered(need: Floats, rows: Sequence[Row], seed: int = 0) -> Floats:
    """The share of the quality gap recovered after the 0, 1 … n most needy calls went strong."""
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    order = shuffled[np.argsort(-need[shuffled], kind="stable")]
    gain = np.concatenate([[0.0], np.cumsum((strong(rows) - weak(rows))[order])])
    return np.asarray(gain / gain[-1])


def apgr(need: Floats, rows: Sequence[Row]) -> float:
    """The area under `recovered`; ties are broken at random, averaged."""
    areas = []
    for seed in range(_TIE_BREAKS):
        curve = recovered(need, rows, seed)
        areas.append(np.trapezoid(curve, np.linspace(0, 1, len(curve))))
    return float(np.mean(areas))


def call_share(need: Floats, rows: Sequence[Row], target: float) -> float:
    """The least share of calls to the strong model that recovers `target` of the gap."""
    curve = recovered(need, rows)
    return float(np.argmax(curve >= target) / (len(curve) - 1))
