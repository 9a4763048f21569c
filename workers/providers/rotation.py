"""Deployments in rotation: which have what a call needs? The others are left out of their tiers.

A key that is missing is told once, when the configuration is read, instead of by every request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from runtime.config.catalog import Catalog, Deployment, Tier
from runtime.config.sections.section import HttpAddress

_ADDRESS: Final = TypeAdapter[str](HttpAddress)
_AWS_SIGNS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
)
"""One of these is set wherever the chain finds credentials, but on a bare EC2 host with a role."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The catalogue with what can be called, and what is missing, by deployment."""

    catalog: Catalog
    missing: Mapping[str, str]
    """The environment variable, with what is wrong with it if it is set, by the deployment."""


def rotation_of(catalog: Catalog, environment: Mapping[str, str]) -> Rotation:
    """Every tier without the deployments that lack a key or an address.

    A tier of which nothing would be left stays as it is: its calls then fail with the name of what
    is missing, which is clearer than a tier without deployments.
    """
    missing = {
        name: variable
        for name, deployment in catalog.deployments.items()
        if (variable := missing_variable(deployment, environment)) is not None
    }
    if not missing:
        return Rotation(catalog, {})
    tiers = {name: _in_rotation(tier, missing) for name, tier in catalog.tiers.items()}
    return Rotation(catalog.model_copy(update={"tiers": tiers}), missing)


def missing_variable(deployment: Deployment, environment: Mapping[str, str]) -> str | None:
    """The variable to set, or mend, before `deployment` can be called; None when it can be."""
    named = environment.get(deployment.base_url_env or "")
    address = deployment.base_url or named
    if not address:
        return deployment.base_url_env
    if named:
        try:
            _ADDRESS.validate_python(named)
        except ValidationError as error:
            return f"{deployment.base_url_env} ({error.errors(include_input=False)[0]['msg']})"
    if deployment.api_key_env is not None:
        return (
            None if environment.get(deployment.api_key_env, "").strip() else deployment.api_key_env
        )
    if deployment.dialect == "bedrock" and not any(map(environment.get, _AWS_SIGNS)):
        return "AWS_ACCESS_KEY_ID"
    return None


def _in_rotation(tier: Tier, missing: Mapping[str, str]) -> Tier:
    usable = tuple(name for name in tier.deployments if name not in missing)
    return tier.model_copy(update={"deployments": usable}) if usable else tier
