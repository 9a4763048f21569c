"""Example programs in other languages, run as their readers run them; their lines are JSON."""

import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from dev.example_programs import EXAMPLES, folder_of

_PATIENCE_S: Final = 120.0
Line: TypeAlias = Mapping[str, Any]


class Program:
    """One run of an example; its lines are JSON objects."""

    def __init__(self, language: str, *arguments: str) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[Line] = []
        # a file: a pipe that nobody reads holds up whoever writes much into it
        self._words = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 until it ends
        self._process = subprocess.Popen(
            [*EXAMPLES[language].start, *arguments],
            cwd=folder_of(language),
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, enough: Callable[[list[Line]], bool], what: str) -> list[Line]:
        """Its lines so far, once they are enough."""
        deadline = time.monotonic() + _PATIENCE_S
        while not enough(self.seen):
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not in time: {what}; {self.seen[-3:]}") from None
            assert line is not None, f"it ended before: {what}; {self._errors()}"
            self.seen.append(json.loads(line))
        return self.seen

    def finished(self) -> list[Line]:
        """Its lines, when it has ended by itself and without an error."""
        try:
            status = self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it doesn't end; {self._errors()}") from None
        assert status == 0, self._errors()
        self._reader.join()
        return self._drained()

    def stop(self) -> list[Line]:
        """All of its lines; it ends by SIGTERM, or is killed."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        return self._drained()

    def _drained(self) -> list[Line]:
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None:
                self.seen.append(json.loads(line))
        self._close()
        return self.seen

    def _close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._words.close()

    def _errors(self) -> str:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._words.seek(0)
        words = self._words.read()[-2000:]
        self._close()
        return words
