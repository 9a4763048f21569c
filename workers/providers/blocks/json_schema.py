"""JSON schema subset: a caller's schema in the keywords that Claude's structured output takes.

As the official client does it: what isn't taken goes into the description, where the model may
still read it, and every object is closed. Sent as it is, such a schema is answered with 400.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from workers.providers.base.shapes import UnsupportedContent, list_in, object_in

_FORMATS: Final = {
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
}
_DEFINITIONS: Final = ("$defs", "definitions")
_KEPT: Final = ("title", "description")
_LIKE: Final = (str, int, float, bool, type(None))


@dataclass(slots=True)
class ClaudeSchema:
    """The translation of one schema; `moved` are the keywords that became words."""

    schema: dict[str, Any] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)


def claude_schema(value: object, place: str) -> ClaudeSchema:
    """`value` in the keywords that are taken. Raises UnsupportedContent where it is no schema."""
    moved: set[str] = set()
    return ClaudeSchema(_translated(value, place, moved), moved)


def _translated(value: object, place: str, moved: set[str]) -> dict[str, Any]:
    rest = {} if value is True else dict(object_in(value, place))
    schema: dict[str, Any] = {}
    for name in _DEFINITIONS:
        if name in rest:
            inner = object_in(rest.pop(name), f"{place}.{name}")
            schema[name] = _each(inner, f"{place}.{name}", moved)
    if "$ref" in rest:
        return {**schema, "$ref": rest["$ref"]}
    kind = rest.pop("type", None)
    if rest.get("nullable") is True and isinstance(kind, str):  # OpenAPI's word for it
        del rest["nullable"]
        kind = [kind, "null"]
    if isinstance(kind, list):  # a choice of types is a choice of schemas
        variants = [{"type": "null"} if name == "null" else {**rest, "type": name} for name in kind]
        return {**schema, "anyOf": _all(variants, f"{place}.type", moved)}
    if kind is not None and not isinstance(kind, str):
        raise UnsupportedContent(f"{place}.type must be a text or a list of them")
    kind = _add_alternatives(schema, rest, kind, place, moved)
    schema |= {name: rest.pop(name) for name in _KEPT if isinstance(rest.get(name), str)}
    _add_fields_of_type(schema, rest, kind, place, moved)
    if rest:
        moved.update(rest)
        words = "{" + ", ".join(f"{name}: {value}" for name, value in rest.items()) + "}"
        schema["description"] = "\n\n".join(filter(None, (schema.get("description"), words)))
    return schema


def _add_fields_of_type(
    schema: dict[str, Any], rest: dict[str, Any], kind: str | None, place: str, moved: set[str]
) -> None:
    """Moves over what the type has for its own."""
    match kind:
        case "object":
            properties = object_in(rest.pop("properties", {}), f"{place}.properties")
            schema["properties"] = _each(properties, f"{place}.properties", moved)
            if isinstance(rest.pop("additionalProperties", None), Mapping):
                moved.add("additionalProperties")
            schema["additionalProperties"] = False
            if "required" in rest:
                schema["required"] = list_in(rest.pop("required"), f"{place}.required")
        case "string" if str(rest.get("format")) in _FORMATS:
            schema["format"] = rest.pop("format")
        case "array":
            if isinstance(rest.get("items"), Mapping) or rest.get("items") is True:
                schema["items"] = _translated(rest.pop("items"), f"{place}.items", moved)
            if rest.get("minItems") in (0, 1):
                schema["minItems"] = rest.pop("minItems")


def _add_alternatives(
    schema: dict[str, Any], rest: dict[str, Any], kind: str | None, place: str, moved: set[str]
) -> str | None:
    """Moves enum, const, anyOf, oneOf and allOf over; gives the type that still has to be told."""
    enum = rest.get("enum")
    if isinstance(enum, list) and enum and all(isinstance(value, _LIKE) for value in enum):
        schema["enum"] = rest.pop("enum")
    if "const" in rest and isinstance(rest["const"], _LIKE):
        schema["const"] = rest.pop("const")
    for name, taken in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if isinstance(rest.get(name), list):
            schema[taken] = _all(rest.pop(name), f"{place}.{name}", moved)
            return kind if kind == "object" and rest.get("properties") else None
    if schema.keys() & {"enum", "const"}:
        return None
    if kind is not None:
        schema["type"] = kind
    return kind


def _each(schemas: Mapping[str, Any], place: str, moved: set[str]) -> dict[str, Any]:
    return {name: _translated(inner, f"{place}.{name}", moved) for name, inner in schemas.items()}


def _all(schemas: list[Any], place: str, moved: set[str]) -> list[dict[str, Any]]:
    return [_translated(inner, f"{place}[{n}]", moved) for n, inner in enumerate(schemas)]
