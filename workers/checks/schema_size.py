"""Cost bound of a JSON Schema, computed before anything compiles it or checks an answer with it.

What is bounded here is the work at one place of an answer: `allOf`, `anyOf`, `$ref` and their like
apply to the same value, and references that double at each step make 2^n of n lines. The work of
going down into an answer is bounded by the time limit of its check (`schema_check`).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from runtime import limits
from runtime.limit import Limit

Schema: TypeAlias = Mapping[str, Any]

_MAPS: Final = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset(
    {
        *("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames"),
        *("then", "unevaluatedItems", "unevaluatedProperties"),
    }
)
_IN_PLACE: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "dependentSchemas", "not", "if", "then", "else"}
)
"""Keywords whose schemas apply to the same value as theirs."""

_UNSUPPORTED: Final = ("patternProperties", "$dynamicRef", "$dynamicAnchor", "$recursiveRef")


class SchemaRefusedError(ValueError):
    """The schema must not be used; its text says why, by the limit's name and number."""


def usable_schema(schema: Schema) -> Schema:
    """The schema as it may be compiled: without `$schema`, which would choose another checker.

    Raises SchemaRefusedError.
    """
    _require(limits.SCHEMA_DEPTH, _depth(schema))
    _require(limits.SCHEMA_VALUES, _count(schema))
    _require(limits.SCHEMA_CHARACTERS, len(json.dumps(schema, ensure_ascii=False)))
    usable = {name: value for name, value in _without_dialect(schema).items() if name != "$id"}
    places = dict(_places(usable, "#"))
    for pointer, place in list(places.items()):
        _refuse_unsupported(place)
        anchor = place.get("$anchor")
        if isinstance(anchor, str):
            if f"#{anchor}" in places:
                raise SchemaRefusedError(f"the anchor at {pointer[:200]} isn't the only one")
            places[f"#{anchor}"] = place
    sizes: dict[int, int] = {}
    for place in places.values():
        _require(limits.SCHEMA_EXPANSION, _expansion(place, places, sizes))
    return usable


def patterns_of(schema: Schema) -> Iterator[str]:
    """The regular expressions in it."""
    for _, place in _places(schema, "#"):
        pattern = place.get("pattern")
        if isinstance(pattern, str):
            yield pattern


def _children(schema: Schema) -> Iterator[tuple[str, str, object]]:
    """What may be a schema directly below: (keyword, its place below the keyword, schema)."""
    for keyword, value in schema.items():
        if keyword in _SINGLE:
            yield keyword, "", value
        elif keyword in _MAPS and isinstance(value, Mapping):
            for name, each in value.items():
                yield keyword, "/" + name.replace("~", "~0").replace("/", "~1"), each
        elif keyword in _LISTS and isinstance(value, list):
            for n, each in enumerate(value):
                yield keyword, f"/{n}", each


def _places(schema: Schema, pointer: str) -> Iterator[tuple[str, Schema]]:
    """Every subschema that isn't just true or false, with its JSON pointer."""
    yield pointer, schema
    for keyword, below, child in _children(schema):
        if isinstance(child, Mapping):
            yield from _places(child, f"{pointer}/{keyword}{below}")


def _without_dialect(schema: Schema) -> dict[str, Any]:
    usable: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _SINGLE:
            usable[keyword] = _cleaned(value)
        elif keyword in _MAPS and isinstance(value, Mapping):
            usable[keyword] = {name: _cleaned(each) for name, each in value.items()}
        elif keyword in _LISTS and isinstance(value, list):
            usable[keyword] = [_cleaned(each) for each in value]
        elif keyword != "$schema":
            usable[keyword] = value
    return usable


def _cleaned(value: object) -> object:
    return _without_dialect(value) if isinstance(value, Mapping) else value


def _refuse_unsupported(schema: Schema) -> None:
    for keyword in (*_UNSUPPORTED, "$id"):
        if keyword in schema:
            raise SchemaRefusedError(f"{keyword} isn't supported here")


def _expansion(schema: object, places: Mapping[str, Schema], sizes: dict[int, int]) -> int:
    """How many subschemas apply to a value that this one applies to; cut off above the limit.

    sizes: of those that were counted, by identity; 0: being counted.
    """
    if not isinstance(schema, Mapping):
        return 1
    known = sizes.get(id(schema))
    if known == 0:
        raise SchemaRefusedError("a $ref leads back to itself, without going into the answer")
    if known is not None:
        return known
    sizes[id(schema)] = 0
    total = 1
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference not in places:
            raise SchemaRefusedError(f"{reference[:200]!r} is no place in it, and none is fetched")
        total += _expansion(places[reference], places, sizes)
    for keyword, _, child in _children(schema):
        if keyword in _IN_PLACE:
            total += _expansion(child, places, sizes)
    sizes[id(schema)] = min(total, limits.SCHEMA_EXPANSION.value + 1)
    return sizes[id(schema)]


def _depth(value: object) -> int:
    """Levels of objects and lists, counted without recursion."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            child
            for each in level
            for child in (
                each.values()
                if isinstance(each, Mapping)
                else each
                if isinstance(each, list)
                else ()
            )
        ]
        if depth > limits.SCHEMA_DEPTH.value:
            break
    return depth


def _count(value: object) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(map(_count, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    return 1


def _require(limit: Limit, amount: int) -> None:
    refusal = limit.refusal(amount)
    if refusal is not None:
        raise SchemaRefusedError(refusal)
