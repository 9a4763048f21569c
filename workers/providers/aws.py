"""Who are we to AWS? Signs requests with SigV4.

botocore signs and aiobotocore walks the credential chain (environment, profile, container, instance
role) and refreshes what expires; nothing else of them is used.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

from .credentials import without
from .outcome import BadCredentials

_SERVICE: Final = "bedrock"
_NONE_FOUND: Final = (
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role, "
    "or name a Bedrock API key by the deployment's `api_key_env`"
)


class CredentialSource(Protocol):
    """Where credentials come from."""

    async def __call__(self) -> Any:  # noqa: ANN401 - botocore's frozen credentials have no type
        """Something with access_key, secret_key and token; None when there is nothing."""
        ...


class SigV4:
    """An Authoriser: signs each request for Bedrock in `region`."""

    source = "the AWS credentials"

    def __init__(self, find: CredentialSource, region: str) -> None:
        self._find = find
        self._region = region
        self._secrets: tuple[str, ...] = ()

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:
        """The signature of a POST of JSON to `url`, or why there is none."""
        try:
            found = await self._find()
        except (BotoCoreError, OSError) as error:
            message = f"the AWS credential chain failed: {type(error).__name__}"
            return BadCredentials(message=message, code="no_credentials")
        if found is None:
            return BadCredentials(message=_NONE_FOUND, code="no_credentials")
        self._secrets = tuple(secret for secret in (found.secret_key, found.token) if secret)
        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        SigV4Auth(found, _SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())

    def redact(self, text: str) -> str:
        """`text` without the secret key and the session token."""
        return without(self._secrets, text)


def sign(address: str, region: str, environment: Mapping[str, str]) -> SigV4:
    """The signer for a Bedrock endpoint; its host names the region, else the configuration does."""
    host = (urlsplit(address).hostname or "").split(".")
    told = host[1] if host[0].startswith("bedrock-runtime") and len(host) > 1 else None
    fallback = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    own = region if region != "global" else None
    return SigV4(credentials(environment), told or own or fallback or "us-east-1")


def credentials(environment: Mapping[str, str]) -> CredentialSource:
    """Keys of the environment, else the credential chain."""
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        return _chain()
    fixed = Credentials(access, secret, environment.get("AWS_SESSION_TOKEN"))

    async def found() -> Any:  # noqa: ANN401 - see CredentialSource
        return fixed.get_frozen_credentials()

    return found


def _chain() -> CredentialSource:
    """The chain, opened by the first call: its import takes a second."""
    opened: list[Any] = []

    async def found() -> Any:  # noqa: ANN401 - see CredentialSource
        if not opened:
            from aiobotocore.session import get_session  # noqa: PLC0415 - 1 s, only if needed

            opened.append(await get_session().get_credentials())
        return await opened[0].get_frozen_credentials() if opened[0] is not None else None

    return found
