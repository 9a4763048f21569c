"""Each answer is its asker's: however bytes are cut, whoever gives up, whatever comes between."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Connection
from redis.exceptions import BusyLoadingError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from runtime.redis.reply_protocol import ReplyProtocol


class FakeTransport(asyncio.Transport):
    """Keeps what is written; hands nothing back by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.fails: Exception | None = None
        self.aborted = False
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        if self.fails is not None:
            raise self.fails
        self.written.extend(bytes(data) for data in list_of_data)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol


class Exchange:
    """A connection that was taken over, and how its exchanges ended."""

    def __init__(self, *, decodes: bool = False) -> None:
        self.transport = FakeTransport()
        self.pushed: list[list[bytes]] = []
        self.ends: list[Exception | None] = []
        library = cast("Any", Connection(decode_responses=decodes))
        parser = SimpleNamespace(
            parse_error=library._parser.parse_error,  # noqa: SLF001 as the protocol takes it
            handle_push_response=self._push,
        )
        taken = SimpleNamespace(
            _writer=SimpleNamespace(transport=self.transport),
            _parser=parser,
            encoder=library.encoder,
        )
        self.wire = ReplyProtocol(cast("Connection", taken), self.ends.append)

    async def _push(self, said: list[bytes]) -> None:
        self.pushed.append(list(said))

    def ask(self, count: int) -> "list[asyncio.Future[Any]]":
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in range(count)]
        self.wire.exchange([b"asked"] * count, answers)
        return answers


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


PUSH = b">2\r\n+MIGRATED\r\n:7\r\n"
REFUSED = b"-ERR refused\r\n"
REPLIES = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["answer", "refused", "large"]), st.booleans()),
    min_size=1,
    max_size=12,
)
"""For each: a push before it, what it is, and whether its asker has gone."""


@given(REPLIES, st.lists(st.integers(0, 10_000), max_size=20))
def test_every_asker_gets_its_own_answer(
    replies: list[tuple[bool, str, bool]], places: list[int]
) -> None:
    async def case() -> None:
        exchange = Exchange()
        answers, said, own = exchange.ask(len(replies)), b"", list[bytes]()
        for number, (pushed, kind, gone) in enumerate(replies):
            own.append(b"%d" % number * (5000 if kind == "large" else 1))
            said += PUSH * pushed + (REFUSED if kind == "refused" else bulk(own[-1]))
            if gone:
                answers[number].cancel()
        for piece in cut(said, places):
            assert exchange.ends == []
            exchange.wire.data_received(piece)
        for answer, text, (_, kind, gone) in zip(answers, own, replies, strict=True):
            if gone:
                assert answer.cancelled()
            elif kind == "refused":
                assert isinstance(answer.exception(), ResponseError)
            else:
                assert answer.result() == text
        assert exchange.ends == [None]
        await asyncio.sleep(0)
        assert len(exchange.pushed) == sum(pushed for pushed, _, _ in replies)

    asyncio.run(case())


@given(st.integers(1, 8), st.integers(0, 7), st.integers(0, 60))
def test_of_a_connection_that_was_dropped_nothing_reaches_anybody(
    count: int, answered: int, beyond: int
) -> None:
    async def case() -> None:
        exchange = Exchange()
        answers = exchange.ask(count)
        said = b"".join(bulk(b"%d" % number) for number in range(count))
        first = len(bulk(b"0")) * min(answered, count - 1)
        exchange.wire.data_received(said[: first + beyond % len(bulk(b"0"))])
        exchange.wire.drop()
        later = exchange.ask(1)
        exchange.wire.data_received(said)
        assert exchange.transport.aborted
        assert not any(answer.done() for answer in (*answers[min(answered, count - 1) :], *later))

    asyncio.run(case())


async def test_an_answer_to_nothing_ends_the_connection() -> None:
    exchange = Exchange()
    (answer,) = exchange.ask(1)
    exchange.wire.data_received(bulk(b"mine") + bulk(b"whose?"))
    assert answer.result() == b"mine"
    assert exchange.wire.over
    assert exchange.ends == [None]


@pytest.mark.parametrize(
    ("said", "kind"),
    [(b"!nonsense\r\n", InvalidResponse), (b"-LOADING soon\r\n", BusyLoadingError)],
)
async def test_what_is_no_answer_ends_the_connection(said: bytes, kind: type[Exception]) -> None:
    exchange = Exchange()
    first, second = exchange.ask(2)
    exchange.wire.data_received(bulk(b"1") + said)
    assert first.result() == b"1"
    assert not second.done()
    assert exchange.wire.over
    assert [type(error) for error in exchange.ends] == [kind]


@pytest.mark.parametrize("lost", [RuntimeError("the handler is closed"), OSError("broken pipe")])
async def test_what_cannot_be_written_is_a_lost_connection(lost: Exception) -> None:
    exchange = Exchange()  # a RuntimeError is what uvloop says of a transport that is closed
    exchange.transport.fails = lost
    exchange.ask(1)
    assert [type(error) for error in exchange.ends] == [RedisConnectionError]


async def test_a_value_that_is_no_text_spoils_no_other_answer() -> None:
    exchange = Exchange(decodes=True)
    first, foreign, last = exchange.ask(3)
    exchange.wire.data_received(bulk(b"1") + bulk(b"\xff\xfe") + bulk(b"3"))
    assert (first.result(), last.result()) == ("1", "3")
    assert isinstance(foreign.exception(), UnicodeDecodeError)
    assert exchange.ends == [None]
