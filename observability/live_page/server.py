"""HTTP server of the live page: static files, and one stream of server-sent events."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

LiveSnapshot = Callable[[int], dict[str, Any]]
"""What the page shows at a time, Unix milliseconds."""

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


def application(snapshot: LiveSnapshot) -> web.Application:
    """The page at `/`, its data at `/events`, and `/healthz`."""
    app = web.Application()
    for path, (name, kind) in _FILES.items():
        app.router.add_get(path, _file(name, kind))

    async def events(request: web.Request) -> web.StreamResponse:
        return await _stream(request, snapshot)

    app.router.add_get("/events", events)
    app.router.add_get("/healthz", _healthy)
    return app


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
