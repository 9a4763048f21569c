"""Call ledger: the calls that the simulated providers got, for tests that count paid calls."""

from collections import deque
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

KEPT = 1_000_000


@dataclass(frozen=True, slots=True)
class Called:
    """One call. account: a hash of the key; request_id: the caller's `x-request-id`."""

    at: float
    dialect: str
    model: str
    account: str
    request_id: str | None
    stream: bool
    status: int
    fault: str | None
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    batch: bool = False
    question: str = ""
    """A name of what was asked, so that it shows who was asked twice."""


class Ledger:
    """The latest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Called] = deque(maxlen=KEPT)
        self._forgotten = 0

    def add(self, called: Called) -> None:
        """Note one call."""
        if len(self._calls) == KEPT:
            self._forgotten += 1
        self._calls.append(called)

    def since(self, number: int) -> dict[str, Any]:
        """The calls from `number` on; `total` is where the next reading starts."""
        skipped = max(0, number - self._forgotten)
        calls = [asdict(called) for n, called in enumerate(self._calls) if n >= skipped]
        return {"simulator": True, "total": self._forgotten + len(self._calls), "calls": calls}

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()
        self._forgotten = 0


def question_name(question: str) -> str:
    """A name for a question that doesn't tell it."""
    return blake2b(question.encode(), digest_size=8).hexdigest()


def account(key: str) -> str:
    """A name for a key that doesn't tell the key."""
    return blake2b(key.encode(), digest_size=4).hexdigest()
