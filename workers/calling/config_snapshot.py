"""Which configuration is in force, with what was made of it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.config.catalog import Catalog

from .providers.provider import Provider
from .validators import Named


@dataclass(frozen=True, slots=True)
class World:
    """The catalog, a provider for each deployment, and the operator's own checks by name."""

    catalog: Catalog
    providers: Mapping[str, Provider]
    checks: Mapping[str, Named] = field(default_factory=dict)
