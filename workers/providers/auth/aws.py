"""AWS authorization: signs calls of Bedrock with the environment's keys or the credential chain's.

aiobotocore walks the chain (profile, container, instance role) and refreshes what expires. It is
imported when the first call needs it, so nobody else pays its second and its 40 MB.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from workers.providers.auth.api_key import fits_header, redacted
from workers.providers.auth.sigv4 import AwsKeys, SigningScope, sign
from workers.providers.base.call_outcome import BadCredentials

_NONE_FOUND: Final = (
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, "
    "or name a Bedrock API key by the deployment's `api_key_env`"
)
_UNFIT: Final = "the AWS access key or session token holds a character that none has"

CredentialSource: TypeAlias = Callable[[], Awaitable[AwsKeys | None]]
"""The credentials that hold now; None when there are none."""


class AwsAuthorizer:
    """An Authorizer that signs each request for Bedrock in one region."""

    source = "the AWS credentials"

    def __init__(self, find: CredentialSource, region: str) -> None:
        self._find = find
        self._scope = SigningScope(region, "bedrock")
        self._secrets: tuple[str, ...] = ()

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:
        """The signature of a POST of JSON to `url`, or why there is none."""
        try:
            keys = await self._find()
        except Exception as error:  # noqa: BLE001 - the chain raises whatever its links do
            message = f"the AWS credential chain failed: {type(error).__name__}"
            return BadCredentials(message=message, code="no_credentials")
        if keys is None:
            return BadCredentials(message=_NONE_FOUND, code="no_credentials")
        self._secrets = tuple(secret for secret in (keys.secret_key, keys.token) if secret)
        if not all(map(fits_header, (keys.access_key, keys.token or ""))):
            return BadCredentials(message=_UNFIT, code="no_credentials")
        return sign(keys, self._scope, url, body, datetime.now(UTC))

    def redact(self, text: str) -> str:
        """`text` without the secret key and the session token."""
        return redacted(self._secrets, text)


def aws_authorizer(address: str, region: str, environment: Mapping[str, str]) -> AwsAuthorizer:
    """The signer for a Bedrock endpoint."""
    return AwsAuthorizer(credential_source(environment), aws_region(address, region, environment))


def aws_region(address: str, region: str, environment: Mapping[str, str]) -> str:
    """The region of a Bedrock endpoint; its host names it, else the configuration does."""
    host = (urlsplit(address).hostname or "").split(".")
    named = host[1] if host[0].startswith("bedrock-runtime") and len(host) > 1 else None
    fallback = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    own = region if region != "global" else None
    return named or own or fallback or "us-east-1"


def credential_source(environment: Mapping[str, str]) -> CredentialSource:
    """Keys of the environment, else the credential chain."""
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        return _credential_chain()
    keys = AwsKeys(access, secret, environment.get("AWS_SESSION_TOKEN"))

    async def from_environment() -> AwsKeys:
        return keys

    return from_environment


def _credential_chain() -> CredentialSource:
    """The chain of profile, container and instance role, opened by the first call."""
    opened: list[Any] = []

    async def from_chain() -> AwsKeys | None:
        if not opened:
            library = await asyncio.to_thread(import_module, "aiobotocore.session")
            opened.append(await library.get_session().get_credentials())
        if opened[0] is None:
            return None
        frozen = await opened[0].get_frozen_credentials()
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token)

    return from_chain
