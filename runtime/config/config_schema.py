"""Keys that the configuration's schema knows at a place: which key may have been meant there?"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypeAlias

from runtime.config.catalog import Catalog
from runtime.config.references import ConfigPath

JsonSchema: TypeAlias = dict[str, Any]
_ALTERNATIVES: Final = ("anyOf", "oneOf", "allOf")


def keys_at(path: ConfigPath) -> list[str]:
    """The keys of the section at `path`; none where any key may be used."""
    schemas: list[JsonSchema] = list(_alternatives(_schema()))
    for step in path:
        # the step may name an alternative (a validator's kind), which the text doesn't have
        schemas = [child for schema in schemas for child in _children(schema, step)] or schemas
    return list(dict.fromkeys(key for schema in schemas for key in schema.get("properties", ())))


@cache
def _schema() -> JsonSchema:
    return Catalog.model_json_schema(by_alias=True, mode="validation")


def _children(schema: JsonSchema, step: str) -> Iterator[JsonSchema]:
    own = schema.get("properties", {}).get(step)
    values = schema.get("additionalProperties")
    items = schema.get("items")
    named_by_pattern = schema.get("patternProperties", {}).values()
    for child in (own, values, items, *named_by_pattern):
        if isinstance(child, dict):
            yield from _alternatives(child)


def _alternatives(schema: JsonSchema) -> Iterator[JsonSchema]:
    """The schema with its reference followed, or each of its alternatives."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        schema = _schema()["$defs"][reference.rpartition("/")[2]]
    branches = [branch for kind in _ALTERNATIVES for branch in schema.get(kind, ())]
    if not branches:
        yield schema
    for branch in branches:
        yield from _alternatives(branch)
