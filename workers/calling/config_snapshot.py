"""Configuration snapshot: the catalog in force, with what was made of it. One for each request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.config.catalog import Catalog, Deployment, Model
from runtime.config.eligibility import EligibleDeployments
from runtime.config.pricing import is_committed
from runtime.config.prompt_table import PromptTable
from runtime.known.tables import known_tables
from runtime.speed.expected_speed import AssumedSpeed, assumed_speeds
from workers.checks.validators import CheckFunction
from workers.providers.provider import Provider


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """What a request begun now is served by; a reload makes a new one."""

    catalog: Catalog
    providers: Mapping[str, Provider]
    """By the names of the deployments."""
    checks: Mapping[str, CheckFunction] = field(default_factory=dict)
    """The operator's own, by name."""
    eligible: EligibleDeployments = field(init=False, repr=False, compare=False)
    prompts: PromptTable = field(init=False, repr=False, compare=False)
    assumed_speeds: Mapping[str, AssumedSpeed] = field(init=False, repr=False, compare=False)
    """By deployment."""
    models: Mapping[str, Model] = field(init=False, repr=False, compare=False)
    """By deployment."""
    committed: frozenset[str] = field(init=False, repr=False, compare=False)
    """The deployments whose throughput is paid for, used or not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "eligible", EligibleDeployments(self.catalog))
        object.__setattr__(self, "prompts", PromptTable(self.catalog.prompts))
        speeds = assumed_speeds(self.catalog, known_tables())
        object.__setattr__(self, "assumed_speeds", speeds)
        deployments = self.catalog.deployments.items()
        models = {name: self.catalog.models[each.model] for name, each in deployments}
        object.__setattr__(self, "models", models)
        committed = frozenset(name for name, each in deployments if is_committed(each))
        object.__setattr__(self, "committed", committed)

    def deployment(self, name: str) -> Deployment:
        """Raises KeyError for a name that the catalog doesn't define."""
        return self.catalog.deployments[name]

    def model_of(self, name: str) -> Model:
        """The model of deployment `name`. Raises KeyError as `deployment` does."""
        return self.models[name]
