"""Model estimates: what is known of each model at each task before its outcomes are counted?

The first of these that there is: what an evaluation measured of the model at the task (`models.*.
quality`), what the operator says of the tier at the task (`policy.tasks.*.success`), the model's
public class, the tier's place among the tiers. Prepared once for a configuration, looked up with
every request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from router.learn.estimate import Estimate, estimate_around
from runtime.config.catalog import Catalog, MeasuredQuality
from runtime.config.sections.policy import PolicySettings
from runtime.known.tables import QualityClass

_CLASS_STANDING: Final[dict[QualityClass, float]] = {
    "tiny": -3.0,
    "small": -0.75,
    "economy": 0.0,
    "standard": 0.5,
    "premium": 1.0,
}
"""On the scale of `Scores.success`, whose unit is the distance from economy to premium in logits.
The two below economy are set by a maker's figures at GSM8K: about 1 % for SmolLM2-135M-Instruct,
48 % for SmolLM2-1.7B-Instruct. Of maths this scale says 1 % and 41 %."""


EVERY_TASK: Final = "*"
"""In `models.*.quality`: at any task that has no measurement of its own."""

_ASSUMED_CASES: Final = 30
"""Of a measured quality that doesn't say how many it rests on."""


@dataclass(frozen=True, slots=True)
class ModelKnowledge:
    """What is known of a model at a task."""

    standing: float
    """Of its class: 0 = economy, 1 = premium."""

    origin: str
    """Where the estimate comes from, in words."""

    tier_success: float | None = None
    """What the operator says of its tier at the task."""

    measured: Estimate | None = None
    """What an evaluation found. How hard the prompt is changes nothing about it: the prompts of the
    evaluation were as hard as those to come, and text tells little."""


_Place: TypeAlias = tuple[str, str]
"""(tier, model)."""


class ModelEstimates:
    """What is known of the models of a configuration."""

    def __init__(self, catalog: Catalog, settings: PolicySettings) -> None:
        self._public: dict[_Place, ModelKnowledge] = {}
        self._by_task: dict[tuple[_Place, str], ModelKnowledge] = {}
        for rank, tier in enumerate(catalog.tiers):
            place = 1.0 if len(catalog.tiers) == 1 else rank / (len(catalog.tiers) - 1)
            for _, deployment in catalog.deployments_of(tier):
                self._add_public(catalog, tier, deployment.model, place)
                self._add_measured(catalog, settings, tier, deployment.model)

    def of(self, tier: str, model: str, task: str) -> ModelKnowledge:
        """What is known of a model of the tier at a task. Raises KeyError if it isn't in there."""
        place = tier, model
        if not self._by_task:
            return self._public[place]
        known = self._by_task.get((place, task)) or self._by_task.get((place, EVERY_TASK))
        return known or self._public[place]

    def _add_public(self, catalog: Catalog, tier: str, name: str, place: float) -> None:
        public = catalog.models[name].quality_class
        if public is None:
            words = f"nothing is known of {name}: by the place of {tier} among the tiers"
            self._public[tier, name] = ModelKnowledge(place, words)
        else:
            words = f"{name} isn't measured: by its public class, {public}"
            self._public[tier, name] = ModelKnowledge(_CLASS_STANDING[public], words)

    def _add_measured(
        self, catalog: Catalog, settings: PolicySettings, tier: str, name: str
    ) -> None:
        key = tier, name
        standing = self._public[key].standing
        for task, profile in settings.tasks.items():
            if tier in profile.success:
                words = f"policy.tasks.{task}.success says it of {tier}"
                share = profile.success[tier]
                self._by_task[key, task] = ModelKnowledge(standing, words, tier_success=share)
        for task, quality in catalog.models[name].quality.items():
            words = " ".join(_measured_words(name, quality))
            estimate = _interval(quality)
            self._by_task[key, task] = ModelKnowledge(standing, words, measured=estimate)


def _interval(quality: MeasuredQuality) -> Estimate:
    outcomes = _ASSUMED_CASES if quality.cases is None else quality.cases
    return estimate_around(quality.success, outcomes)


def _measured_words(model: str, quality: MeasuredQuality) -> Iterator[str]:
    yield f"{model} was measured"
    if quality.evaluation is not None:
        yield f"by evaluation {quality.evaluation}"
    if quality.cases is not None:
        yield f"on {quality.cases:,} cases"
