"""HTTP server of the live page: static files, and one stream of server-sent events."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

LiveSnapshot = Callable[[int], dict[str, Any]]
"""What the page shows at a time, Unix milliseconds."""

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PAGE: Final = Path(__file__).with_name("page")
_EVERY_S: Final = 1.0
_FILES: Final = {
    "/": ("live.html", "text/html"),
    "/live.js": ("live.js", "text/javascript"),
    "/live.css": ("live.css", "text/css"),
}
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def application(snapshot: LiveSnapshot, hosts: Collection[str] = ()) -> web.Application:
    """The page at `/`, its data at `/events`, and `/healthz`.

    hosts: names with a dot that the page may be called by.
    """
    app = web.Application(middlewares=[_of_hosts(frozenset(hosts))])
    for path, (name, kind) in _FILES.items():
        app.router.add_get(path, _file(name, kind))

    async def events(request: web.Request) -> web.StreamResponse:
        return await _stream(request, snapshot)

    app.router.add_get("/events", events)
    app.router.add_get("/healthz", _healthy)
    return app


def _of_hosts(hosts: frozenset[str]) -> Middleware:
    """Refuses a name that isn't ours: a web page may let its own lead to this machine, and read."""

    @web.middleware
    async def refuse(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not is_ours(request.host, hosts):
            raise web.HTTPMisdirectedRequest(text="the page isn't served by this name")
        return await handler(request)

    return refuse


def is_ours(host: str, hosts: Collection[str]) -> bool:
    """Whether a page may be asked for by this Host header: an address, a name without a dot, ours.

    Nobody owns a name without a dot on the Internet, and an address leads to itself alone.
    """
    name = urlsplit(f"//{host}").hostname if _HOST.fullmatch(host) else None
    if name is None:
        return False
    try:
        ip_address(name)
    except ValueError:
        return "." not in name or name in hosts
    return True


def _file(name: str, kind: str) -> Callable[[web.Request], Any]:
    body = (_PAGE / name).read_bytes()

    async def send(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return send


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _stream(request: web.Request, snapshot: LiveSnapshot) -> web.StreamResponse:
    """A snapshot a second until the browser goes."""
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    try:
        while True:
            data = json.dumps(snapshot(time.time_ns() // 1_000_000), separators=(",", ":"))
            await response.write(f"data: {data}\n\n".encode())
            await asyncio.sleep(_EVERY_S)
    except ConnectionError:
        return response
