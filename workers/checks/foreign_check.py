"""Check of a pattern or a schema that a sender wrote, and whether its cost is small beforehand.

Without references, patterns and unevaluated members, each subschema meets each value of an answer
at most once: so the product of their numbers bounds the work. What can't be bounded in this way
runs in a process of its own (`checking_process`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import regex

from runtime import limits
from workers.checks.pattern_size import unusable_pattern
from workers.checks.schema_check import PATTERN_SECONDS, json_problem, wrong_schema

_SMALL_SCHEMA: Final = 200
"""Values; to check the schema itself takes up to 0.2 ms for each."""
_SMALL_WORK: Final = 20_000
"""Values of the schema by values of the answer; each pair takes up to a microsecond."""
_SMALL_TEXT: Final = 20_000
_LONGER_THAN_THEIR_SIZE: Final = frozenset(
    {
        *("$ref", "pattern", "propertyNames", "uniqueItems", "contains", "dependentSchemas"),
        *("patternProperties", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"),
    }
)


@dataclass(frozen=True, slots=True)
class ForeignCheck:
    """One job: is the pattern or schema usable, or does a text pass it?"""

    kind: str
    """`pattern` or `schema`."""
    program: Any
    """The pattern's text, or the schema's JSON object."""
    text: str | None
    """The answer; None: the program itself is to be checked."""


RunForeign: TypeAlias = Callable[[ForeignCheck, float], str | None]
"""Runs a job within so many seconds: what is wrong, for a person; None if nothing is."""


def run_here(job: ForeignCheck, seconds: float) -> str | None:
    """In this process, which a costly one holds up."""
    if job.text is None:
        return wrong_schema(job.program) if job.kind == "schema" else unusable_pattern(job.program)
    if job.kind == "schema":
        return json_problem(job.program, job.text, seconds)
    return _pattern_problem(job.program, job.text)


def is_small(job: ForeignCheck) -> bool:
    """Whether it takes a few milliseconds at most, known without running it."""
    if job.kind != "schema":
        return False
    size = _size(job.program, _SMALL_SCHEMA)
    if size is None:
        return False
    if job.text is None:
        return True
    # each value of a JSON text but the last is followed by one of these
    values = 1 + job.text.count(",") + job.text.count(":") + job.text.count("[")
    return len(job.text) <= _SMALL_TEXT and size * values <= _SMALL_WORK


def _pattern_problem(pattern: str, text: str) -> str | None:
    try:
        fits = regex.fullmatch(pattern, text, regex.DOTALL, timeout=PATTERN_SECONDS)
    except TimeoutError:
        return f"it can't be matched with {pattern!r} in time"
    return None if fits else f"the whole of it must match the pattern {pattern!r}"


def _size(schema: object, most: int) -> int | None:
    """Values in the schema; None: more than `most`, deep, or with a keyword of unknown cost."""
    level, size = [schema], 0
    for _ in range(limits.SCHEMA_DEPTH.value):
        size += len(level)
        if size > most:
            return None
        below: list[object] = []
        for each in level:
            if isinstance(each, Mapping):
                if not _LONGER_THAN_THEIR_SIZE.isdisjoint(each):
                    return None
                below += each.values()
            elif isinstance(each, list):
                below += each
        if not below:
            return size
        level = below
    return None


def encoded(job: ForeignCheck, seconds: float) -> bytes:
    """As it goes to the checking process."""
    fields = {"kind": job.kind, "program": job.program, "text": job.text, "seconds": seconds}
    return json.dumps(fields).encode()


def decoded(raw: bytes) -> tuple[ForeignCheck, float]:
    """What `encoded` wrote."""
    fields = json.loads(raw)
    return ForeignCheck(fields["kind"], fields["program"], fields["text"]), fields["seconds"]
