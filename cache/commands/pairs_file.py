"""Which pairs of questions does a JSON Lines file hold, and which of its lines are unusable?"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias


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
    """A line that isn't a pair: `problem`. fields: what it holds, if it is an object."""

    line: int
    problem: str
    fields: dict[str, Any]


InputLine: TypeAlias = Pair | BadLine


def parse_pairs(lines: Iterable[str | bytes]) -> Iterator[InputLine]:
    """Each line that isn't blank, numbered from 1."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _parse(number, line)


def _parse(number: int, line: str | bytes) -> InputLine:
    try:
        fields = json.loads(line)
    except ValueError as error:
        return BadLine(number, f"not JSON: {error}", {})
    if not isinstance(fields, dict):
        return BadLine(number, "not a JSON object", {})
    for name in ("a", "b"):
        if not isinstance(fields.get(name), str):
            return BadLine(number, f"`{name}` must be a text", fields)
    return Pair(number, fields)
