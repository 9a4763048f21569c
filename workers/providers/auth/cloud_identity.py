"""Cloud identities: Microsoft Entra ID and Google Cloud, by their own credential chains.

The clouds' libraries know no event loop: a thread asks them, once an hour. They are imported by the
first call that needs them, so nobody else pays for it.
"""

import asyncio
import time
from datetime import UTC
from functools import cache, partial
from typing import Any, Final

from workers.providers.auth.bearer_token import BearerAuthorizer, BearerToken

ENTRA_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
"""Azure OpenAI and Azure AI Foundry, whoever made the model."""
GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GOOGLE_TOKEN_LIFE_S: Final = 3600.0


@cache
def entra_authorizer() -> BearerAuthorizer:
    """Client credentials, workload identity or managed identity, as azure-identity finds them.

    One a process: a reload of the configuration needs no new token.
    """
    return BearerAuthorizer(partial(asyncio.to_thread, _EntraChain().token), "Microsoft Entra ID")


@cache
def google_authorizer() -> BearerAuthorizer:
    """A service account's file, workload identity or the metadata server, as google-auth finds.

    One a process, as above.
    """
    return BearerAuthorizer(partial(asyncio.to_thread, _google_token), "Google Cloud")


class _EntraChain:
    """azure-identity's chain; what it has found out about the machine is asked once."""

    def __init__(self) -> None:
        self._chain: Any = None

    def token(self) -> BearerToken:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - a second that only Azure needs

        if self._chain is None:
            self._chain = DefaultAzureCredential(exclude_developer_cli_credential=True)
        token = self._chain.get_token(ENTRA_SCOPE)
        return BearerToken(token.token, float(token.expires_on))


def _google_token() -> BearerToken:
    import google.auth  # noqa: PLC0415 - as above
    from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

    found: Any = google.auth.default(scopes=[GOOGLE_SCOPE])
    credentials = found[0]
    credentials.refresh(Request())
    expiry = credentials.expiry  # naive, UTC
    ends = expiry.replace(tzinfo=UTC).timestamp() if expiry else time.time() + _GOOGLE_TOKEN_LIFE_S
    return BearerToken(str(credentials.token), ends)
