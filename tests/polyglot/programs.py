"""Example programs in other languages: built by their own tools, run as their readers run them."""

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 120.0
Line: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Language:
    """How an example is built and begun, in its folder."""

    build: tuple[tuple[str, ...], ...]
    start: tuple[str, ...]


LANGUAGES: Final[Mapping[str, Language]] = {
    "java": Language(
        (("mvn", "--quiet", "--batch-mode", "package"),),
        ("java", "-cp", "target/switchgear-example-1.jar:target/lib/*", "switchgear.example.Main"),
    ),
    "go": Language(
        (("go", "generate", "./..."), ("go", "build", "-o", "switchgear-example")),
        ("./switchgear-example",),
    ),
    "typescript": Language(
        (
            ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"),
            ("npm", "run", "build"),
        ),
        ("node", "dist/main.js"),
    ),
}


class Program:
    """One run of an example; its lines are JSON objects."""

    def __init__(self, language: str, *arguments: str) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[Line] = []
        self._process = subprocess.Popen(
            [*LANGUAGES[language].start, *arguments],
            cwd=ROOT / "examples" / language,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def _errors(self) -> str:
        self._process.kill()
        assert self._process.stderr is not None
        words = self._process.stderr.read()[-2000:]
        self._process.wait()
        self._reader.join()
        self._close()
        return words


def build(language: str) -> None:
    """Makes the program and its types, from `docs/schemas` and the language's packages."""
    for command in LANGUAGES[language].build:
        tool = shutil.which(command[0], path=f"{os.environ['PATH']}:{ROOT}/var/go/bin")
        assert tool is not None, f"make polyglot needs `{command[0]}`; .ci/run says how to get it"
        done = subprocess.run(
            [tool, *command[1:]],
            cwd=ROOT / "examples" / language,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
