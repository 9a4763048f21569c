"""A real browser, headless, driven over its DevTools protocol."""

import asyncio
import base64
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

from tests.waiting import until

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1280,1100",
)


def chromium() -> str:
    """The browser's path; the test fails, with the way to get one, if there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail("the page's test needs a Chromium (Debian: apt-get install chromium)")
    return found


@dataclass
class Tab:
    """One page. problems: exceptions and console errors since it was opened."""

    socket: ClientWebSocketResponse
    problems: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, "asyncio.Future[dict[str, Any]]"] = field(default_factory=dict)

    async def listen(self) -> None:
        async for message in self.socket:
            told = message.json()
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
            elif told["method"] == "Runtime.exceptionThrown":
                self.problems.append(str(told["params"]["exceptionDetails"]))
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.problems.append(str(told["params"]["entry"]))

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        told = await answered
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    async def value(self, expression: str) -> Any:  # noqa: ANN401 (whatever the page says)
        """What a JavaScript expression comes to."""
        told = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, expression: str, within_s: float = 20) -> None:
        """Wait until the expression is true."""
        try:
            await until(partial(self.value, expression), within_s=within_s, pause_s=0.05)
        except TimeoutError as error:
            raise TimeoutError(f"never true in the page: {expression}") from error

    async def screenshot(self, path: Path) -> None:
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(told["data"]))


@asynccontextmanager
async def tab(url: str, profile: Path) -> AsyncIterator[Tab]:
    """`url` in a browser of its own."""
    browser = await asyncio.create_subprocess_exec(
        chromium(), *_OPTIONS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await _port(profile)
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                page = next(t for t in await listed.json() if t["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                opened = Tab(socket)
                listening = asyncio.create_task(opened.listen())
                for domain in ("Page", "Runtime", "Log", "Accessibility"):
                    await opened.call(f"{domain}.enable")
                await opened.call("Page.navigate", url=url)
                yield opened
                listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            browser.kill()
        await browser.wait()


async def _port(profile: Path) -> int:
    """The browser writes it once it listens."""
    file = profile / "DevToolsActivePort"

    def written() -> str:
        return file.read_text() if file.exists() else ""

    return int((await until(written, pause_s=0.05)).splitlines()[0])
