"""Eligibility of a deployment: may it see this request, and can it serve it?

Residency and self-hosting are promises to the tenant: nothing later weakens them.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from producers.contract import Demands
from runtime.config.catalog import Catalog, Deployment, Model

_MOST_REMEMBERED: Final = 4_096


def ineligibility(
    deployment: Deployment, model: Model, demands: Demands, name: str = ""
) -> str | None:
    """What forbids `deployment`, in words; None when it may and can serve. name: its own."""
    if demands.deployment is not None and name != demands.deployment:
        return f"isn't {demands.deployment}"
    if demands.model is not None and deployment.model != demands.model:
        return f"doesn't serve {demands.model}"
    if deployment.on_request and demands.model is None:
        return f"serves {deployment.model} on request only"
    if demands.self_hosted_only and not deployment.self_hosted:
        return "not self-hosted"
    if not _in_zone(deployment, demands.zones):
        return f"in zone {deployment.zone}, data must stay in {_alternatives(demands.zones)}"
    return _incapable(model, demands)


def fitting_deployments(catalog: Catalog, tier: str, demands: Demands) -> Iterator[str]:
    """The names of the tier's deployments that may and can serve it, in the tier's order."""
    return (
        name
        for name, deployment in catalog.deployments_of(tier)
        if ineligibility(deployment, catalog.models[deployment.model], demands, name) is None
    )


class _Room(NamedTuple):
    """A deployment that may serve, if the prompt and the answer are small enough for it."""

    name: str
    context_window: int
    max_output: int


_DemandSet: TypeAlias = tuple[
    str, tuple[str, ...] | None, bool, tuple[str, ...], str | None, str | None
]


class EligibleDeployments:
    """As `fitting_deployments`, of one configuration: what sizes don't decide is found once.

    By tier, zones, self-hosting, needs, model and deployment; a request then compares sizes.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._rooms: dict[_DemandSet, tuple[_Room, ...]] = {}

    @property
    def remembered(self) -> int:
        """The number of sets of demands that are remembered."""
        return len(self._rooms)

    def names(self, tier: str, demands: Demands) -> list[str]:
        """The names of the tier's deployments that may and can serve it, in the tier's order."""
        named = demands.model, demands.deployment
        asked = tier, demands.zones, demands.self_hosted_only, demands.needs, *named
        rooms = self._rooms.get(asked)
        if rooms is None:
            rooms = self._remember(asked, demands)
        tokens, limit = demands.prompt_tokens + demands.output_tokens, demands.max_output or 0
        return [
            name
            for name, context_window, max_output in rooms
            if tokens <= context_window and limit <= max_output
        ]

    def _remember(self, asked: _DemandSet, demands: Demands) -> tuple[_Room, ...]:
        if len(self._rooms) >= _MOST_REMEMBERED:  # callers choose zones, needs and models
            self._rooms.clear()
        sizeless = demands.model_copy(
            update={"prompt_tokens": 0, "output_tokens": 0, "max_output": None}
        )
        models = (
            (name, self._catalog.models[self._catalog.deployments[name].model])
            for name in fitting_deployments(self._catalog, asked[0], sizeless)
        )
        rooms = tuple(_Room(name, model.context_window, model.max_output) for name, model in models)
        self._rooms[asked] = rooms
        return rooms


def batch_deployments(catalog: Catalog, tier: str, demands: Demands) -> Iterator[str]:
    """As `fitting_deployments`: those whose batches may and can serve it.

    A batch is computed and kept in a zone of its own, so it is held to residency by itself.
    """
    for name, deployment in catalog.deployments_of(tier):
        if deployment.batch is not None:
            batched = deployment.model_copy(update={"zone": batch_zone(deployment)})
            if ineligibility(batched, catalog.models[deployment.model], demands, name) is None:
                yield name


def batch_zone(deployment: Deployment) -> str:
    """Where the deployment's batches are computed and kept."""
    named = None if deployment.batch is None else deployment.batch.zone
    return named or deployment.zone


def too_long(model: Model, demands: Demands) -> bool:
    """Whether prompt and answer exceed the model's context window."""
    return demands.prompt_tokens + demands.output_tokens > model.context_window


def _in_zone(deployment: Deployment, zones: tuple[str, ...] | None) -> bool:
    """Residency is by place alone: who owns the machine doesn't move it."""
    return zones is None or deployment.zone in zones


def _incapable(model: Model, demands: Demands) -> str | None:
    missing = frozenset(demands.needs) - model.capabilities
    if missing:
        return f"can't do {_alternatives(missing)}"
    if "embeddings" in model.capabilities and "embeddings" not in demands.needs:
        return "embeds texts only"
    if too_long(model, demands):
        size = f"{demands.prompt_tokens} tokens and {demands.output_tokens} for the answer"
        return f"context window of {model.context_window} is too small for {size}"
    if demands.max_output is not None and demands.max_output > model.max_output:
        return f"answers are limited to {model.max_output} tokens, {demands.max_output} asked"
    return None


def _alternatives(names: Iterable[str] | None) -> str:
    return " or ".join(sorted(names or ())) or "no zone: request and tenant exclude each other"
