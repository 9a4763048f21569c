"""Which configuration is in force, with what was made of it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.config.catalog import Catalog
from workers.calling.validators import NamedChecks
from workers.providers.provider import Provider


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """The catalog, a provider for each deployment, and the operator's own checks by name."""

    catalog: Catalog
    providers: Mapping[str, Provider]
    checks: Mapping[str, NamedChecks] = field(default_factory=dict)
