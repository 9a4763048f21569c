"""Verifier file: the trained model beside its operating points. Which one fits the embedder?"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cache.verification.verifier import Verifier, read_verifier
from runtime.config.sections.cache import CacheSettings


@dataclass(frozen=True, slots=True)
class NoVerifier(Exception):  # noqa: N818 - says what is the matter
    """There is none that fits: `problem`, and what to do."""

    problem: str

    def __str__(self) -> str:
        return self.problem


def load_verifier(settings: CacheSettings, embedder: str) -> Verifier:
    """The verifier trained on that embedder. Raises NoVerifier: then nothing may be a near hit."""
    named = settings.verifier
    path = Path(named) if named else Path(__file__).with_name("verifier.npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            verifier = read_verifier(archive)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoVerifier(f"{path}: {error}; train one: make train") from None
    if verifier.embedder != embedder:
        raise NoVerifier(
            f"{path} was trained on {verifier.embedder}, the embedder is {embedder}; build that"
            " embedder (make embedder) or train a verifier for yours: make train"
        )
    if settings.operating_points is None:
        return verifier
    return _with_points(verifier, Path(settings.operating_points))


def _with_points(verifier: Verifier, path: Path) -> Verifier:
    try:
        content = json.loads(path.read_text())
        points = sorted((float(rate), float(score)) for rate, score in content["points"].items())
        made_for = content["embedder"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoVerifier(f"{path}: {error}; write it with: switchgear cache calibrate") from None
    if made_for != verifier.embedder or not points:
        raise NoVerifier(f"{path} is for {made_for}: calibrate again: switchgear cache calibrate")
    rates, scores = np.array(points, dtype=np.float32).T
    return replace(verifier, rates=rates, points=scores)
