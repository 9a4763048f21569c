"""Journal: what was reserved, asked and answered in an evaluation, a line each, appended only.

A run that was cut goes on from it. A last line that was cut off counts as not written.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from observability.evaluation.grading.answered_call import AnsweredCall
from producers.contract import MicroUsd

_LONGEST_LINE: Final = 16_000_000
_PIECE: Final = 65_536
_TEXTS: Final = frozenset({"message", "text"})
"""The fields of an answered call that hold what a model said."""


class JournalInUseError(ValueError):
    """Another process is asking for this evaluation; for a person."""


class EvaluationJournal:
    """One evaluation's calls, by the ids of their requests."""

    def __init__(self, path: Path, *, only_read: bool = False) -> None:
        """Reads what is there. One process at a time writes. Raises OSError, JournalInUseError."""
        self._file = None if only_read else _opened_to_append(path)
        self.reserved: dict[str, MicroUsd] = {}
        self.tenants: dict[str, str] = {}
        self.answered: dict[str, AnsweredCall] = {}
        if path.exists():
            for line in _whole_lines(path):
                self._take(line)

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
        if self._file is not None:
            self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        assert self._file is not None  # noqa: S101 who only reads has nothing to write
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


def _opened_to_append(path: Path) -> IO[bytes]:
    """For this process alone, after the last whole line: more would be appended to half of one."""
    file = path.open("ab")
    path.chmod(0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise JournalInUseError(f"{path.parent.name} is being run by another process") from None
    os.truncate(path, _size_of_whole_lines(path))
    return file


def _size_of_whole_lines(path: Path) -> int:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _PIECE)
            file.seek(begin)
            newline = file.read(end - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            end = begin
    return 0


def erase_texts(path: Path, requests: frozenset[str]) -> int:
    """Rewrites a journal without what some requests were answered; how many there were.

    That they were asked, and what they cost, stays; one without a reply counts as unanswered. So a
    run that goes on takes no reply that still lies in Kafka. Raises OSError, and JournalInUseError
    while a run writes to it.
    """
    kept: list[bytes] = []
    erased, bare = 0, {"at_ms": 0, "outcome": "no reply"}
    unanswered: dict[str, None] = {}
    with _opened_to_append(path):
        for line in _whole_lines(path):
            answered = line.get("answered")
            if isinstance(answered, dict) and answered.get("request") in requests:
                unanswered.pop(answered["request"], None)
                if _TEXTS & answered.keys():
                    erased += 1
                    for name in _TEXTS:
                        answered.pop(name, None)
            elif line.get("reserved") in requests:
                unanswered[line["reserved"]] = None
            kept.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        kept += [
            json.dumps({"answered": {"request": name, **bare}}).encode() + b"\n"
            for name in unanswered
        ]
        if erased or unanswered:
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
