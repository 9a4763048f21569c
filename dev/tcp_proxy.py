"""TCP proxy that delays what passes, holds it back or cuts it: a far, hung or broken network."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class SlowProxy:
    """Delays are of each way, in seconds, and may be changed while connections are open."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.delay_s = 0.0
        self.refuses = False
        """Whether new connections are closed at once."""
        self.port = 0
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.refuses:
            writer.close()
            return
        try:
            theirs, ours = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._writers |= {ours, writer}
        for source, sink in ((reader, ours), (theirs, writer)):
            pipe = asyncio.create_task(self._pass_on(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    def cut(self) -> None:
        """Ends the connections that are open, without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        """Ends all connections."""
        pipes = list(self._pipes)
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(
            *(writer.wait_closed() for writer in self._writers), return_exceptions=True
        )

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError, RuntimeError):  # the latter is uvloop's for what is cut
            while piece := await source.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                sink.write(piece)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)


@asynccontextmanager
async def slow_proxy(host: str, port: int, own_port: int = 0) -> AsyncIterator[SlowProxy]:
    """A proxy before `host:port`, until the context is left. own_port: 0 takes a free one."""
    proxy = SlowProxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", own_port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()


class Network:
    """A proxy in a thread of its own, for who has no loop."""

    def __init__(self, target_port: int, own_port: int) -> None:
        self._target_port = target_port
        self.port = own_port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._proxy = SlowProxy("127.0.0.1", target_port)

    def start(self) -> None:
        """Returns when it listens."""
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        """Ends all connections, once; nothing where it never began."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)
            self._loop = None

    def slow(self, delay_s: float) -> None:
        """From now on every piece takes so long, each way."""
        self._proxy.delay_s = delay_s

    def cut(self) -> None:
        """Ends what is open, and takes nothing new until `mend`."""
        self._proxy.refuses = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._proxy.cut)

    def mend(self) -> None:
        """As if nothing had been."""
        self._proxy.refuses = False
        self._proxy.delay_s = 0.0

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        async with slow_proxy("127.0.0.1", self._target_port, self.port) as proxy:
            self._proxy, self._loop = proxy, asyncio.get_running_loop()
            self._ready.set()
            await self._ended.wait()
