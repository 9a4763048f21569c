"""Journal: what was reserved, asked and answered in an evaluation, a line each, appended only.

A run that was cut goes on from it. A last line that was cut off counts as not written.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from observability.evaluation.grading.answered_call import AnsweredCall
from producers.contract import MicroUsd

_LONGEST_LINE: Final = 4_000_000


class EvaluationJournal:
    """One evaluation's calls, by the ids of their requests."""

    def __init__(self, path: Path) -> None:
        """Reads what is there. Raises OSError."""
        self._path = path
        self.reserved: dict[str, MicroUsd] = {}
        self.tenants: dict[str, str] = {}
        self.answered: dict[str, AnsweredCall] = {}
        if path.exists():
            for line in _whole_lines(path):
                self._take(line)
        self._file = path.open("ab")
        path.chmod(0o600)

    def reserve(self, request: str, tenant: str, micro_usd: MicroUsd) -> None:
        """To be written before the request is published."""
        self.reserved[request] = micro_usd
        self.tenants[request] = tenant
        self._write({"reserved": request, "tenant": tenant, "micro_usd": str(micro_usd)})

    def answer(self, call: AnsweredCall) -> None:
        """The final reply to a request."""
        self.answered[call.request] = call
        self._write({"answered": call.model_dump(mode="json", exclude_none=True)})

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n")
        self._file.flush()

    def _take(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"reserved": str(request), "tenant": str(tenant), "micro_usd": str(amount)}:
                self.reserved[request] = Decimal(amount)
                self.tenants[request] = tenant
            case {"answered": dict(fields)}:
                call = AnsweredCall.model_validate(fields)
                self.answered[call.request] = call
            case _:
                pass


def without_calls(path: Path, requests: frozenset[str]) -> int:
    """Rewrites a journal without the answers to some requests; how many there were.

    What was reserved stays: it holds no text, and says that the request was published.
    """
    kept: list[bytes] = []
    erased = 0
    for line in _whole_lines(path):
        answered = line.get("answered")
        if isinstance(answered, dict) and answered.get("request") in requests:
            erased += 1
        else:
            kept.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    if erased:
        replacement = path.with_suffix(".new")
        replacement.write_bytes(b"".join(kept))
        replacement.chmod(0o600)
        replacement.replace(path)
    return erased


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        while line := lines.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                continue
            try:
                entry = from_json(line)
            except (ValueError, ValidationError):
                continue
            if isinstance(entry, dict):
                yield entry
