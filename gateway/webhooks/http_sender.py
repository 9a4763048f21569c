"""HTTP sender of webhooks: one POST to a public address, whatever its name resolves to.

The name is resolved once for each attempt, every address must pass, and the connection goes to one
of them. It is looked at once more where its socket is made: a host that is an address by itself,
however it is spelt, comes past the resolver. No redirects, no proxies of the environment, no
cookies. Of the answer its status and one header are read.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from gateway.webhook_rules.addresses import address_refusal
from gateway.webhooks.name_lookup import ThreadedLookup

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
_RETRY_AFTER: Final = "retry-after"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of an attempt. status: None where there was no response."""

    status: int | None
    retry_after_s: float | None = None
    problem: str = ""


class PublicResolver(AbstractResolver):
    """Resolves a name, or fails when any of its addresses isn't public."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        results = await self._inner.resolve(host, port, family)
        for result in results:
            refusal = address_refusal(result["host"])
            if refusal is not None:
                raise OSError(f"an address of {host} may not be called: {refusal}")
        return results

    async def close(self) -> None:
        """Closes the resolver underneath."""
        await self._inner.close()


def public_socket(address: AddrInfoType) -> socket.socket:
    """A socket for a connection to this address. Raises OSError where it isn't public."""
    family, kind, protocol, _, place = address
    refusal = address_refusal(str(place[0]))
    if refusal is not None:
        raise OSError(f"{place[0]} may not be called: {refusal}")
    return socket.socket(family, kind, protocol)


class WebhookSender:
    """Sends over two sessions: public addresses only, and wherever the operator allows it."""

    def __init__(self, public: aiohttp.ClientSession, anywhere: aiohttp.ClientSession) -> None:
        self._public = public
        self._anywhere = anywhere

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool
    ) -> SendResult:
        """One attempt. Never raises."""
        session = self._anywhere if private else self._public
        told = {"content-type": "application/json", "user-agent": "switchgear", **headers}
        try:
            async with session.post(
                url, data=body, headers=told, allow_redirects=False
            ) as response:
                wish = response.headers.get(_RETRY_AFTER, "")
                wish_s = float(wish[:9]) if wish.isdecimal() else None
                return SendResult(response.status, wish_s)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return SendResult(None, problem=type(error).__name__)


@asynccontextmanager
async def webhook_sender() -> AsyncIterator[WebhookSender]:
    """Open until the context is left."""
    lookup = ThreadedLookup()
    public = aiohttp.TCPConnector(
        resolver=PublicResolver(lookup),
        use_dns_cache=False,
        force_close=True,
        socket_factory=public_socket,
    )
    anywhere = aiohttp.TCPConnector(resolver=lookup, use_dns_cache=False, force_close=True)
    async with _session(public) as guarded, _session(anywhere) as open_one:
        yield WebhookSender(guarded, open_one)


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=_TIMEOUT,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
