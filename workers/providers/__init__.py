"""Which provider answers for each deployment? One registry: a new dialect is one line here."""

from collections.abc import Mapping
from typing import Final

from aiohttp import ClientSession

from workers.catalog import Catalog, Deployment

from .credentials import api_key
from .dialect import Dialect
from .http import HttpProvider
from .openai import OpenAiDialect
from .provider import Provider

DIALECTS: Final[Mapping[str, Dialect]] = {"openai": OpenAiDialect()}


def connect(
    catalog: Catalog, session: ClientSession, environment: Mapping[str, str]
) -> dict[str, Provider]:
    """A provider for every deployment of the catalog, by the deployment's name.

    Nothing is opened here. A key that is missing makes each call end as `BadCredentials` which
    names the environment variable; the other deployments work on.
    """
    return {
        name: _provider(deployment, session, environment)
        for name, deployment in catalog.deployments.items()
        if deployment.dialect in DIALECTS
    }


def _provider(
    deployment: Deployment, session: ClientSession, environment: Mapping[str, str]
) -> Provider:
    address = environment.get(deployment.base_url_env or "") or deployment.base_url
    dialect = DIALECTS[deployment.dialect]
    return HttpProvider(session, dialect, address, api_key(deployment, environment))
