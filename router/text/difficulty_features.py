"""Difficulty features: what in a request speaks for or against needing the strongest model?

Few, bounded and in one scale (about -2..3), so that no single oddity of a text decides, and so that
each has a direction that a person can defend.
"""

import math
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from router.text.features import Features
from router.text.task_cues import Task

DifficultyFeature: TypeAlias = Literal[
    "length",
    "echoed",
    "numeric_options",
    "statements",
    "relations",
    "constraints",
    "code",
    "math",
    "reasoning",
    "expert",
    "routine",
    "creative",
    "lookup",
    "foreign",
]
"""length: of what is to be answered, in doublings; echoed: the options say again what the question
says, so relations decide and not recall; numeric_options: to choose a figure at once, without
working it out, is beyond every model alike; statements: several claims to judge at once;
relations: words that relate quantities; foreign: not a word of English; the others: the kind of
work."""

DIFFICULTY_FEATURES: Final[tuple[DifficultyFeature, ...]] = get_args(DifficultyFeature)

_KIND: Final[Mapping[Task, DifficultyFeature]] = {
    "code": "code",
    "agent": "code",
    "math": "math",
    "reasoning": "reasoning",
    "legal": "expert",
    "medical": "expert",
    "classify": "routine",
    "extract": "routine",
    "summarise": "routine",
    "translate": "routine",
    "rewrite": "routine",
    "creative": "creative",
    "lookup": "lookup",
}
_USUAL_PIECES: Final = 64
_DOUBLINGS: Final = 1.5
_USUAL_ECHO: Final = 0.2
_MOSTLY: Final = 0.5
_BOUND: Final = 2.5


def difficulty_features(features: Features) -> dict[DifficultyFeature, float]:
    """Every signal, 0 where it doesn't apply."""
    values: dict[DifficultyFeature, float] = dict.fromkeys(DIFFICULTY_FEATURES, 0.0)
    surface = features.surface
    values["length"] = _bounded(math.log2((1 + surface.pieces) / _USUAL_PIECES) / _DOUBLINGS)
    values["foreign"] = float(bool(features.languages) and "en" not in features.languages)
    if surface.options:
        values["echoed"] = 4 * (surface.echoed - _USUAL_ECHO)
        values["statements"] = float(surface.statements > 0)
    if surface.options and surface.at_once:
        values["numeric_options"] = surface.numeric_options
        return values
    if surface.numbers > 1:
        values["relations"] = _bounded(math.log1p(surface.relations))
    values["constraints"] = _bounded(math.log1p(features.constraints))
    kind: DifficultyFeature | None = (
        "math" if surface.numeric_options > _MOSTLY else _KIND.get(features.task)
    )
    if kind is not None:
        values[kind] = 1.0
    return values


def _bounded(value: float) -> float:
    return max(-_BOUND, min(_BOUND, value))
