"""How does a program start servers that never outlive it?

Each child leads its own process group (a Ctrl-C in the terminal reaches only us, a kill reaches
all of its descendants) and, on Linux, is killed by the kernel when the thread that started it dies:
start children from the main thread.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_LAUNCHER: Final = Path(__file__).with_name("die_with_parent.py")
_POLL_S: Final = 0.01
_PROBE_S: Final = 5


class StartFailedError(Exception):
    """A process ended, or didn't become ready in time; the message has the end of its log."""


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Child:
    """A process of ours: `start` it, `stop` it politely, `kill` it as a crash would.

    user: whom it runs as, when we are root and it would refuse that; empty: as we do.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id (of the last start)."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it; its output goes to the end of its log."""
        assert not self.alive, f"{self.name} already runs"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, str(os.getpid()), self.user, *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                process_group=0,
            )

    def stop(self, grace_s: float = 15) -> int | None:
        """SIGTERM, then SIGKILL after `grace_s`; the exit status."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        return self.kill()

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> int | None:
        """SIGKILL to the whole group, at once; the exit status."""
        self._signal(signal.SIGKILL)
        return None if self._process is None else self._process.wait()

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


@dataclass
class Server(Child):
    """A child that listens on a port of the loopback interface; `start` waits until it does.

    answers: asked with a connection, whether it serves already. further_ports: of its other
    listeners, which may open later than the first.
    """

    port: int = 0
    further_ports: Sequence[int] = ()
    ready_within_s: float = 60
    answers: Callable[[socket.socket], bool] = lambda _: True

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait for its port; `StartFailedError` if it ends or takes too long."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it without waiting for its port."""
        if self._listens():
            raise StartFailedError(f"{self.name}: something else listens on port {self.port}")
        super().start()

    def wait(self) -> None:
        """Until its port is open; `StartFailedError` as `start`."""
        give_up_at = time.monotonic() + self.ready_within_s
        while not self._listens():
            if not self.alive or time.monotonic() > give_up_at:
                self.kill()
                raise StartFailedError(
                    f"{self.name} did not start on port {self.port}; the end of {self.log}:\n"
                    f"{self.tail()}"
                )
            time.sleep(_POLL_S)

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same port with the data it had on disk."""
        self.stop()
        self.start()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(_PROBE_S)
            if probe.connect_ex(("127.0.0.1", self.port)) or not self.answers(probe):
                return False
        return all(map(_accepts, self.further_ports))


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(_PROBE_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0
