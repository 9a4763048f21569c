"""Field types: what a dialect's fields may hold, so that a wrong one is named before it costs.

A field that a table doesn't have passes: it is the provider's affair. Null is a field that wasn't
given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.answers.unreadable import UnreadableRequest
from runtime import limits
from runtime.limit import Limit


@dataclass(frozen=True, slots=True)
class FieldType:
    """words: what the caller is told that it must be. holds: whether a value is."""

    words: str
    holds: Callable[[object], bool]


FieldTypes: TypeAlias = Mapping[str, FieldType]
_MOST: Final[Mapping[str, Limit]] = {
    "messages": limits.MESSAGES,
    "input": limits.MESSAGES,
    "tools": limits.TOOLS,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list_of(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(part, kind) for part in value)


def _crowded(name: str, value: object) -> str | None:
    """Why so many messages, items or tools aren't taken, before each is read."""
    limit = _MOST.get(name)
    return limit.refusal(len(value)) if limit is not None and isinstance(value, list) else None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TEXT: Final = FieldType("must be a text", lambda value: isinstance(value, str))
FLAG: Final = FieldType("must be true or false", lambda value: isinstance(value, bool))
NUMERIC: Final = FieldType("must be a number", _is_number)
WHOLE: Final = FieldType("must be a whole number", _is_whole)
OBJECT: Final = FieldType("must be an object", lambda value: isinstance(value, Mapping))
LIST: Final = FieldType("must be a list", lambda value: isinstance(value, list))
OBJECTS: Final = FieldType("must be a list of objects", _is_list_of(Mapping))
TEXTS: Final = FieldType("must be a list of texts", _is_list_of(str))


def either(one: FieldType, other: FieldType) -> FieldType:
    """What holds either."""
    words = f"{one.words} or {other.words.removeprefix('must be ')}"
    return FieldType(words, lambda value: one.holds(value) or other.holds(value))


def check_types(body: Mapping[str, object], types: FieldTypes) -> None:
    """Raises UnreadableRequest for the first field of a wrong type."""
    for name, value in body.items():
        kind = types.get(name)
        if kind is not None and value is not None and not kind.holds(value):
            raise UnreadableRequest(name, kind.words)
        crowded = _crowded(name, value)
        if crowded is not None:
            raise UnreadableRequest(name, crowded)
