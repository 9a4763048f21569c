"""How many frames of ours lie between a record's handler and the HTTP request that serves it?"""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, cast

from aiohttp import ClientSession

from producers.contract import Chunk, Done
from runtime.config.catalog import Catalog
from tests.flow.parrot import parrot
from tests.flow.stage import Stage, ask, catalog, playing
from tests.rules.source import PACKAGES, ROOT
from workers.calling.config_snapshot import ConfigSnapshot
from workers.providers.registry import connect_providers

DEEPEST: Final = 9
HANDLER: Final = "workers/request/handler.py:serve_one"


@dataclass
class WatchedSession:
    """A session that notes who is on the stack at every post: a task's awaiting frames are."""

    session: ClientSession
    stacks: list[list[str]] = field(default_factory=list)

    def post(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 as aiohttp's
        """As aiohttp's."""
        self.stacks.append(our_frames(inspect.currentframe()))
        return self.session.post(*args, **options)


def our_frames(frame: FrameType | None) -> list[str]:
    """`file:function` of the frames in our packages, from the handler to the innermost."""
    frames: list[str] = []
    while frame is not None:
        place = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if place.split("/")[0] in PACKAGES:
            frames.append(f"{place}:{frame.f_code.co_name}")
        frame = None if frames and frames[-1] == HANDLER else frame.f_back
    return frames[::-1]


def over_http(address: str) -> Catalog:
    """The stage's catalog; all of it is answered by one simulated provider."""
    chosen = catalog().model_dump(by_alias=True, exclude_unset=True)
    for deployment in chosen["deployments"].values():
        deployment.update(provider="local", dialect="openai", base_url=f"{address}/200")
    return Catalog.model_validate(chosen)


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[Stage, WatchedSession]]:
    """A stage whose providers speak HTTP."""
    async with parrot("42") as address, ClientSession() as session:
        spy = WatchedSession(session)
        chosen = over_http(address)
        async with playing(catalog=chosen) as stage:
            providers = connect_providers(chosen, cast("ClientSession", spy), {})
            stage.snapshot = ConfigSnapshot(chosen, providers)
            yield stage, spy


async def test_the_plainest_call_is_nine_frames_from_its_record_to_the_wire() -> None:
    async with watched() as (stage, spy):
        assert isinstance(await stage.client.submit(ask()), Done)
    (stack,) = spy.stacks
    assert stack[0] == HANDLER
    assert stack[-1].startswith("workers/providers/http.py:")
    assert len(stack) <= DEEPEST, "\n".join(stack)
    assert not [frame for frame in stack if "hedging" in frame]


async def test_a_streamed_call_is_no_deeper() -> None:
    async with watched() as (stage, spy):
        parts = [part async for part in stage.client.stream(ask(stream=True))]
        assert [type(part) for part in parts] == [Chunk, Done]
    (stack,) = spy.stacks
    assert stack[0] == HANDLER
    assert len(stack) <= DEEPEST, "\n".join(stack)
