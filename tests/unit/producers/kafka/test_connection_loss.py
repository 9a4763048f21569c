import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import producers.kafka.connection  # noqa: F401 it installs the check
from tests.waiting import until


async def write_to_a_peer_that_has_gone(method: str, request: object) -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connection = AIOKafkaConnection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # as `connect` leaves them; a task that reads would have seen the end, perhaps too late
        connection._reader, connection._writer = reader, writer  # noqa: SLF001
        connection._read_task = asyncio.create_task(asyncio.Event().wait())  # noqa: SLF001
        connection._closed_fut = asyncio.get_running_loop().create_future()  # noqa: SLF001
        await reader.read()
        await until(lambda: refused(writer))
        with pytest.raises(KafkaConnectionError):
            await getattr(connection, method)(request)
        assert not connection.connected()


def refused(writer: asyncio.StreamWriter) -> bool:
    """Whether the peer's refusal of what was written has arrived."""
    if not writer.transport.is_closing():
        writer.write(b"more")
    return writer.transport.is_closing()


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
@pytest.mark.parametrize(
    ("method", "request_"), [("send", MetadataRequest([])), ("_send_sasl_token", b"token")]
)
def test_a_request_to_a_broker_that_has_gone_fails_as_a_lost_connection(
    run: Callable[[Coroutine[None, None, None]], None], method: str, request_: object
) -> None:
    run(write_to_a_peer_that_has_gone(method, request_))
