import asyncio
import socket
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from gateway.webhooks.name_lookup import ThreadedLookup
from tests.waiting import until

SLOW = "slow.test"


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """A resolver that answers for one name only when it is told to."""
    answered, real = Event(), socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any) -> Any:  # noqa: ANN401 the socket library's
        if host == SLOW:
            answered.wait()
            raise socket.gaierror("no such name")
        return real(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield answered
    answered.set()


async def test_names_that_nobody_answers_hold_up_no_other(hanging: Event) -> None:
    lookup = ThreadedLookup()
    slow = [asyncio.create_task(lookup.resolve(SLOW)) for _ in range(60)]
    async with asyncio.timeout(10):
        found = await lookup.resolve("127.0.0.1", 443)
        other = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        await asyncio.to_thread(lambda: None)
    assert [(result["host"], result["port"]) for result in found] == [("127.0.0.1", 443)]
    assert other
    hanging.set()
    assert {type(error) for error in await asyncio.gather(*slow, return_exceptions=True)} == {
        OSError
    }


async def test_so_many_are_looked_up_at_once_and_no_more(hanging: Event) -> None:
    lookup = ThreadedLookup()
    slow = [asyncio.create_task(lookup.resolve(SLOW)) for _ in range(128)]
    await asyncio.sleep(0)
    for task in slow:  # nobody waits any more, but the threads are there
        task.cancel()
    with pytest.raises(OSError, match="too many"):
        await lookup.resolve("127.0.0.1")
    hanging.set()
    await asyncio.gather(*slow, return_exceptions=True)

    async def found() -> bool:
        try:
            return bool(await lookup.resolve("127.0.0.1", 1))
        except OSError:
            return False

    await until(found)


async def test_a_name_that_is_none_is_an_error_of_the_network() -> None:
    for name in ("a..b", "a" * 300, "\x00", "nobody.invalid"):
        with pytest.raises(OSError, match=r"gaierror|UnicodeError|ValueError"):
            await ThreadedLookup().resolve(name)
