"""HTTP provider: one call over a shared session, with its deadlines and credentials.

It never retries, and whatever a caller's request or a provider's response does on the way becomes
a value of `CallOutcome`.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import ClientError, ClientSession, ConnectionTimeoutError
from yarl import URL

from workers.providers.auth.api_key import Authorizer
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    RequestRejected,
)
from workers.providers.base.dialect import MALFORMED, Dialect, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.prompt_adaptation import adapt_prompt
from workers.providers.provider import Emit
from workers.providers.response_reading import ResponseReading

_MOST_PATHS: Final = 32


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the caller's request on its way onto the wire."""

    warnings: tuple[str, ...]
    any: bool
    """Whether the provider read anything else than what the caller wrote."""


class HttpProvider:
    """One deployment's provider: a dialect, an address and credentials."""

    def __init__(
        self, session: ClientSession, dialect: Dialect, base_url: str, authorizer: Authorizer
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._base_url = base_url.rstrip("/")
        self._authorizer = authorizer
        self._urls: dict[str, URL] = {}
        """By the dialect's path, of which a deployment has a few."""

    async def send(self, request: ProviderRequest, emit: Emit | None = None) -> CallOutcome:
        """The outcome; with `emit` the answer streams and each delta is passed on."""
        asked = request.body
        adapted = adapt_prompt(asked, request.model, request.prompts)
        if adapted.body is not asked:
            request = replace(request, body=adapted.body)
        wire = self._encode(request, stream=emit is not None)
        if isinstance(wire, RequestRejected):
            return replace(wire, unsent=True)
        url = self._base_url + wire.path
        identity = await self._authorizer.headers(url, wire.body)
        if isinstance(identity, BadCredentials):
            return identity
        headers = {"content-type": "application/json", **wire.headers, **identity}
        if request.request_id is not None:
            headers["x-request-id"] = request.request_id
        reading = ResponseReading(self._dialect, request, emit, self._authorizer.redact)
        outcome: CallOutcome
        try:
            async with (
                asyncio.timeout(reading.first_wait_s) as deadline,
                self._session.post(
                    self._url(wire.path), data=wire.body, headers=headers, allow_redirects=False
                ) as response,
            ):
                outcome = await reading.read(response, deadline)
        except ConnectionTimeoutError as error:
            outcome = reading.connection_lost(error)
        except TimeoutError:
            outcome = reading.timed_out()
        except (ClientError, OSError) as error:
            outcome = reading.connection_lost(error)
        changed = Changes(
            adapted.warnings + wire.warnings, wire.translated or adapted.body is not asked
        )
        return self._told(outcome, changed)

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = URL(self._base_url + path, encoded=True)
            if len(self._urls) < _MOST_PATHS:
                self._urls[path] = url
        return url

    def _told(self, outcome: CallOutcome, changed: Changes) -> CallOutcome:
        """`outcome` with what was changed on the way there."""
        match outcome:
            case Completion() if not changed.warnings:
                return outcome
            case Completion(warnings=warnings):
                return replace(outcome, warnings=changed.warnings + warnings)
            case RequestRejected():
                return replace(outcome, translated=changed.any, warnings=changed.warnings)
            case BadCredentials(status=int(status), code=code):
                # in our words: what a provider says of a refused key may quote parts of it
                refusal = f"{self._authorizer.source} was refused: HTTP {status} {code}"
                return replace(outcome, message=refusal)
            case _:
                return outcome

    def _encode(self, request: ProviderRequest, *, stream: bool) -> WireRequest | RequestRejected:
        """The dialects refuse by value what they can't say; the net below is for what they missed.

        A caller's odd shape must cost this call, not the worker's whole request.
        """
        try:
            return self._dialect.encode_request(request, stream=stream)
        except MALFORMED as error:
            message = f"the request can't be said in this dialect: {type(error).__name__}"
            return RequestRejected(message=message, code="unsupported_content")
