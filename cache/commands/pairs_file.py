"""Pairs file: questions `a` and `b` a line of JSON. Which pairs are there, which lines are none?"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cache.commands.surroundings import CommandError


@dataclass(frozen=True, slots=True)
class Pair:
    """A line's object; `a` and `b` are its questions."""

    line: int
    fields: dict[str, Any]

    @property
    def a(self) -> str:
        """The first question."""
        return str(self.fields["a"])

    @property
    def b(self) -> str:
        """The second question."""
        return str(self.fields["b"])


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that isn't a pair."""

    line: int
    problem: str
    fields: dict[str, Any]
    """What it holds, if it is an object."""


InputLine: TypeAlias = Pair | BadLine


def read_pairs_file(path: Path) -> list[InputLine]:
    """Every line of a file. Raises CommandError when it can't be read."""
    try:
        return list(parse_pairs(path.read_bytes().splitlines()))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def parse_pairs(lines: Iterable[str | bytes]) -> Iterator[InputLine]:
    """Each line that isn't blank, numbered from 1."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse(number, line)


def split_lines(lines: Iterable[InputLine]) -> tuple[list[Pair], list[BadLine]]:
    """The pairs, and the lines that are none."""
    pairs: list[Pair] = []
    bad_lines: list[BadLine] = []
    for line in lines:
        match line:
            case Pair():
                pairs.append(line)
            case BadLine():
                bad_lines.append(line)
    return pairs, bad_lines


def _parse(number: int, line: str | bytes) -> InputLine:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadLine(number, f"not JSON: {error}", {})
    if not isinstance(fields, dict):
        return BadLine(number, "not a JSON object", {})
    for name in ("a", "b"):
        if not isinstance(fields.get(name), str):
            return BadLine(number, f"`{name}` must be a text", fields)
    return Pair(number, fields)
