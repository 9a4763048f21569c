"""Provider registry: the adapter of each deployment, by the dialect that it names.

A dialect of the operator's own is named by its place, `package.module:Class`.
"""

import importlib
from collections.abc import Mapping
from typing import Final, assert_never

from aiohttp import ClientSession

from runtime.config.catalog import Catalog, Deployment
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.auth import aws
from workers.providers.auth.api_key import Authorizer, api_key_authorizer
from workers.providers.auth.cloud_identity import entra_authorizer, google_authorizer
from workers.providers.base.dialect import Dialect
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.http import HttpProvider
from workers.providers.openai.request import OpenAiDialect
from workers.providers.provider import Provider

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": OpenAiDialect(),
    "anthropic": AnthropicDialect(),
    "bedrock": BedrockDialect(),
}


def connect_providers(
    catalog: Catalog, session: ClientSession, environment: Mapping[str, str]
) -> dict[str, Provider]:
    """A provider for every deployment of the catalog, by the deployment's name.

    Nothing is opened here. A key that is missing makes each call end as `BadCredentials` which
    names the environment variable; the other deployments work on.
    Raises ValueError for a dialect that can't be loaded.
    """
    return {
        name: provider_of(deployment, session, environment)
        for name, deployment in catalog.deployments.items()
    }


def provider_of(
    deployment: Deployment, session: ClientSession, environment: Mapping[str, str]
) -> Provider:
    """The provider of one deployment."""
    address = environment.get(deployment.base_url_env or "") or deployment.base_url or ""
    authorizer = _authorizer(deployment, address, environment)
    return HttpProvider(session, dialect_of(deployment, address), address, authorizer)


def dialect_of(deployment: Deployment, address: str = "") -> Dialect:
    """One of ours, or an instance of the class at `package.module:Class`. Raises ValueError.

    address: where its calls go, if the environment says it.
    """
    if deployment.dialect == "openai":
        return OpenAiDialect(address)
    if deployment.dialect in DIALECTS:
        return DIALECTS[deployment.dialect]
    module, _, name = deployment.dialect.partition(":")
    try:
        dialect: Dialect = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"dialect {deployment.dialect!r} can't be loaded: {error}") from error
    return dialect


def _authorizer(deployment: Deployment, address: str, environment: Mapping[str, str]) -> Authorizer:
    match deployment.credentials:
        case "entra":
            return entra_authorizer()
        case "google":
            return google_authorizer()
        case "key" if deployment.dialect == "bedrock" and deployment.api_key_env is None:
            return aws.aws_authorizer(address, deployment.region, environment)
        case "key":
            return api_key_authorizer(deployment, environment)
        case _:
            assert_never(deployment.credentials)
