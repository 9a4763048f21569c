"""Batch adapters: the one of each deployment, by its provider and dialect."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import ClientSession

from runtime.config.catalog import Catalog, Deployment
from workers.batching.providers.adapter import BatchAdapter
from workers.batching.providers.anthropic_adapter import AnthropicBatchAdapter
from workers.batching.providers.aws_identity import aws_identity
from workers.batching.providers.bedrock_adapter import BedrockBatchAdapter, BedrockJobs
from workers.batching.providers.http_exchange import HttpExchange, key_identity
from workers.batching.providers.openai_adapter import (
    FileBatchAdapter,
    FileBatchDialect,
    azure_dialect,
    mistral_dialect,
    openai_dialect,
)
from workers.providers.anthropic.request import NEWEST_VERSION
from workers.providers.auth.api_key import api_key_authorizer
from workers.providers.auth.aws import aws_region, credential_source
from workers.providers.auth.sigv4 import SigningScope

_CHAT: Final = "/v1/chat/completions"


class BatchAdapters:
    """The batch interfaces of the deployments that offer one, made when they are asked for."""

    def __init__(
        self,
        session: ClientSession,
        environment: Mapping[str, str],
        catalog: Callable[[], Catalog],
    ) -> None:
        """environment: keys and addresses. catalog: the one in force."""
        self._session = session
        self._environment = environment
        self._catalog = catalog
        self._made: dict[str, tuple[Deployment, BatchAdapter | None]] = {}

    def of(self, name: str) -> BatchAdapter | None:
        """None: the deployment is gone, or its provider has no batch interface that we speak."""
        deployment = self._catalog().deployments.get(name)
        if deployment is None or deployment.batch is None:
            return None
        made = self._made.get(name)
        if made is None or made[0] != deployment:
            adapter = batch_adapter(deployment, self._session, self._environment)
            made = self._made[name] = deployment, adapter
        return made[1]


def batch_adapter(
    deployment: Deployment, session: ClientSession, environment: Mapping[str, str]
) -> BatchAdapter | None:
    """The adapter of one deployment; None where we speak no batch interface of its provider."""
    address = environment.get(deployment.base_url_env or "") or deployment.base_url or ""
    if deployment.provider == "aws" and deployment.dialect == "bedrock":
        return _bedrock_adapter(deployment, address, session, environment)
    identity = key_identity(api_key_authorizer(deployment, environment))
    if deployment.provider == "anthropic" and deployment.dialect == "anthropic":
        version = {"anthropic-version": deployment.api_version or NEWEST_VERSION}
        return AnthropicBatchAdapter(HttpExchange(session, address, identity, version))
    dialect = _file_dialect(deployment)
    if dialect is None:
        return None
    return FileBatchAdapter(HttpExchange(session, address, identity), dialect)


def _bedrock_adapter(
    deployment: Deployment, address: str, session: ClientSession, environment: Mapping[str, str]
) -> BedrockBatchAdapter | None:
    """None without a bucket and a role: a job can't be said without them."""
    offer = deployment.batch
    if offer is None or offer.bucket is None or offer.role_arn is None:
        return None
    region, find = (
        aws_region(address, deployment.region, environment),
        credential_source(environment),
    )
    control = environment.get(offer.api_base_url_env or "") or offer.api_base_url
    return BedrockBatchAdapter(
        HttpExchange(
            session,
            control or f"https://bedrock.{region}.amazonaws.com",
            aws_identity(find, SigningScope(region, "bedrock")),
        ),
        HttpExchange(
            session,
            offer.bucket_url or f"https://s3.{region}.amazonaws.com",
            aws_identity(find, SigningScope(region, "s3")),
        ),
        BedrockJobs(
            model=offer.wire_model or deployment.wire_model or deployment.model,
            folder=offer.bucket.rstrip("/"),
            role_arn=offer.role_arn,
            window_h=offer.window_h,
        ),
    )


def _file_dialect(deployment: Deployment) -> FileBatchDialect | None:
    offer = deployment.batch
    if offer is None or deployment.dialect != "openai":
        return None
    match deployment.provider:
        case "openai":
            return openai_dialect(_CHAT, offer.window_h)
        case "azure" if deployment.api_version is not None:
            return azure_dialect(deployment.api_version, offer.window_h)
        case "azure":
            return openai_dialect("/chat/completions", offer.window_h)
        case "mistral":
            model = offer.wire_model or deployment.wire_model or deployment.model
            return mistral_dialect(model, offer.window_h)
        case _:
            return None
