"""OAuth bearer tokens for Kafka: from a file, or from an issuer by client credentials (RFC 6749).

aiokafka asks for a token at each new connection, and never again on it: the broker ends a
connection when its token's time is over, and the next one brings a new token. So a token that has
less than a part of its life left isn't used for a new connection.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import SaslAuthenticationFailed

_TIMEOUT_S = 10.0
_LARGEST = 65_536
_FRESH_SHARE = 0.2
"""Of its life that a token must have left to be used for a new connection."""
_UNKNOWN_LIFE_S = 60.0


@dataclass(frozen=True)
class ClientCredentials:
    """Where tokens come from, and by whose secret."""

    url: str
    client_id: str
    client_secret: str
    scope: str | None = None

    def __repr__(self) -> str:
        return f"ClientCredentials({self.url!r}, {self.client_id!r})"


class FileToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """The token that a file holds, read anew for each connection: who writes it, renews it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Raises SaslAuthenticationFailed, which aiokafka takes for a refused log-in."""
        try:
            text = await asyncio.to_thread(self._path.read_text, encoding="ascii")
        except (OSError, ValueError) as error:
            raise SaslAuthenticationFailed(f"no token in {self._path}") from error
        return text.strip()


class IssuedToken(AbstractTokenProvider):  # type: ignore[misc]  # as above
    """The issuer's newest token, asked for again before its time is over."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials
        self._token = ""
        self._use_until_s = 0.0

    async def token(self) -> str:
        """Raises SaslAuthenticationFailed, without the secret and without what the issuer says."""
        now_s = time.monotonic()
        if now_s >= self._use_until_s:
            try:
                answer = await asyncio.to_thread(_fetch, self._credentials)
                self._token, life_s = _read(answer)
            except (OSError, ValueError) as error:
                reason = type(error).__name__
                message = f"no token from {self._credentials.url}: {reason}"
                raise SaslAuthenticationFailed(message) from None
            self._use_until_s = now_s + life_s * (1 - _FRESH_SHARE)
        return self._token


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the secret elsewhere."""

    def redirect_request(self, *_: object) -> None:
        """None follows it: the answer is an error."""


def _fetch(credentials: ClientCredentials) -> bytes:
    form = {"grant_type": "client_credentials"}
    if credentials.scope is not None:
        form["scope"] = credentials.scope
    account = f"{credentials.client_id}:{credentials.client_secret}".encode()
    request = Request(  # noqa: S310 the settings allow https, and http to this machine
        credentials.url,
        urlencode(form).encode(),
        {"Authorization": f"Basic {base64.b64encode(account).decode()}"},
    )
    try:
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as response:
            answer: bytes = response.read(_LARGEST + 1)
    except HTTPError as error:
        with error:
            raise OSError(f"it answers {error.code}") from None
    except URLError as error:
        raise OSError(str(error.reason)) from None
    if len(answer) > _LARGEST:
        raise ValueError("the answer is too large")
    return answer


def _read(answer: bytes) -> tuple[str, float]:
    """The token, and its life in seconds. Raises ValueError."""
    document: Any = json.loads(answer)
    token = document.get("access_token") if isinstance(document, Mapping) else None
    if not isinstance(token, str) or not token:
        raise ValueError("there is no access_token")
    life_s = document.get("expires_in")
    known = isinstance(life_s, int | float) and not isinstance(life_s, bool) and life_s > 0
    return token, min(float(life_s), 86_400.0) if known else _UNKNOWN_LIFE_S
