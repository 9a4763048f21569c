"""HTTP exchange with a batch interface: bounded answers, one attempt, errors as values."""

import asyncio
import codecs
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, FormData
from yarl import URL

from runtime import limits
from workers.batching.providers.adapter import ResultsAbsentError, ResultsUnreadableError
from workers.providers.auth.api_key import Authorizer
from workers.providers.base.call_outcome import BadCredentials, Failure
from workers.providers.base.json_values import json_of
from workers.providers.errors.classification import classify_error, error_of_response
from workers.providers.malformed_body import MalformedBodyError
from workers.providers.reading_thread import read_aside
from workers.providers.response_reading import ResponseBody, short_headers

_BODY_S: Final = 60.0
_UPLOAD_S: Final = 300.0
_STREAM_PAUSE_S: Final = 60.0
_LINE_END: Final = b"\n"
_OK: Final = 300
_NOT_FOUND: Final = 404
LONGEST_LINE: Final = limits.PROVIDER_BODY.value
"""Bytes of one result: as of an answer."""

IdentityHeaders: TypeAlias = Callable[
    [str, str, bytes], Awaitable[Mapping[str, str] | BadCredentials]
]
"""(method, address, body) → the headers that say who asks."""


def key_identity(authorizer: Authorizer) -> IdentityHeaders:
    """Of a key, which is the same for every request."""

    async def headers(method: str, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:  # noqa: ARG001 a key signs nothing
        return await authorizer.headers(url, b"")

    return headers


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the provider answered. body: its JSON object; empty where it isn't one."""

    status: int
    body: Mapping[str, Any]
    failure: Failure | None = None
    """Of a status that isn't 2xx."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing readable came back. sent: whether the provider may have acted all the same."""

    reason: str
    sent: bool


class HttpExchange:
    """One deployment's batch interface over the shared session."""

    def __init__(
        self,
        session: ClientSession,
        base_url: str,
        identity: IdentityHeaders,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """headers: besides the credentials, in every request."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._identity = identity
        self._headers = dict(headers or {})

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> HttpAnswer | NoAnswer:
        """A GET; may be repeated."""
        url = URL(self._base_url + path, encoded=True).update_query(query or {})
        return await self._exchange("GET", url, None, {}, _BODY_S)

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer | NoAnswer:
        """A POST of JSON, once."""
        url = URL(self._base_url + path, encoded=True)
        kind = {"content-type": "application/json", **(headers or {})}
        return await self._exchange("POST", url, body, kind, _UPLOAD_S)

    async def put(self, path: str, content: bytes) -> HttpAnswer | NoAnswer:
        """An object of a store; may be repeated."""
        url = URL(self._base_url + path, encoded=True)
        return await self._exchange("PUT", url, content, {}, _UPLOAD_S)

    async def upload(self, path: str, name: str, content: bytes) -> HttpAnswer | NoAnswer:
        """A file for batches, by a multipart form."""
        form = FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", content, filename=name, content_type="application/jsonl")
        url = URL(self._base_url + path, encoded=True)
        return await self._exchange("POST", url, form, {}, _UPLOAD_S)

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """The lines of a file, as they come. path: below the base address, or a whole one of it.

        Raises ResultsUnreadableError.
        """
        url = self._own(path)
        identity = await self._identity("GET", str(url), b"")
        if isinstance(identity, BadCredentials):
            raise ResultsUnreadableError(identity.message)
        timeout = ClientTimeout(total=None, sock_connect=_BODY_S, sock_read=_STREAM_PAUSE_S)
        try:
            async with self._session.get(
                url,
                headers={**self._headers, **identity},
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                if response.status == _NOT_FOUND:
                    raise ResultsAbsentError(f"HTTP {response.status}")
                if response.status >= _OK:
                    raise ResultsUnreadableError(f"HTTP {response.status}")
                async for line in result_file_lines(response.content.iter_any()):
                    yield line
        except (ClientError, OSError) as error:
            raise ResultsUnreadableError(type(error).__name__) from None

    def _own(self, path: str) -> URL:
        """The address, which must be the provider's own: our key goes there."""
        if path.startswith("/"):
            return URL(self._base_url + path, encoded=True)
        url, base = URL(path, encoded=True), URL(self._base_url)
        if url.origin() != base.origin():
            raise ResultsUnreadableError("the results lie at another host than the provider's")
        return url

    async def _exchange(
        self,
        method: str,
        url: URL,
        body: bytes | FormData | None,
        headers: Mapping[str, str],
        within_s: float,
    ) -> HttpAnswer | NoAnswer:
        signed = body if isinstance(body, bytes) else b""
        identity = await self._identity(method, str(url), signed)
        if isinstance(identity, BadCredentials):
            return HttpAnswer(identity.status or 401, {}, identity)
        try:
            async with (
                asyncio.timeout(within_s),
                self._session.request(
                    method,
                    url,
                    data=body,
                    headers={**headers, **self._headers, **identity},
                    allow_redirects=False,
                ) as response,
            ):
                return await self._read(response)
        except (ClientError, OSError, MalformedBodyError) as error:
            refused = isinstance(error, ConnectionRefusedError) or "Cannot connect" in str(error)
            return NoAnswer(type(error).__name__, sent=not refused)

    async def _read(self, response: ClientResponse) -> HttpAnswer:
        headers = short_headers(response.headers)
        if response.status >= _OK:
            payload = await ResponseBody(response).beginning(limits.PROVIDER_ERROR.value)
            report = error_of_response(response.status, payload, headers)
            failure = classify_error(report, headers, datetime.now(UTC))
            return HttpAnswer(response.status, _object(payload), failure)
        payload = await ResponseBody(response).beginning(limits.PROVIDER_BODY.value)
        return HttpAnswer(response.status, await read_aside(_object, payload))


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        read = json_of(payload.removeprefix(codecs.BOM_UTF8))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


async def result_file_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines that aren't blank, split at line ends alone: a text may hold any other separator.

    Raises ResultsUnreadableError for a line above LONGEST_LINE.
    """
    pieces, size = [b""], 0  # of the line that hasn't ended: joined once, however it comes
    async for chunk in chunks:
        first, *others = chunk.split(_LINE_END)
        pieces.append(first)
        size += len(first)
        if size > LONGEST_LINE:
            raise ResultsUnreadableError(f"a line is longer than {LONGEST_LINE >> 20} MiB")
        if not others:
            continue
        *whole, rest = b"".join(pieces), *others
        pieces, size = [rest], len(rest)
        for line in whole:
            if line.strip():
                yield line
    rest = b"".join(pieces)
    if rest.strip():
        yield rest
