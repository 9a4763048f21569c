"""Schemas in the keywords that Claude takes; the official client's translation is the oracle."""

from copy import deepcopy
from typing import Any

import anthropic
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.base.shapes import UnsupportedContent
from workers.providers.blocks.json_schema import claude_schema

leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "format": "date", "maxLength": 9},
        {"type": "string", "format": "phone"},
        {"type": "integer", "minimum": 1, "description": "A number."},
        {"type": "number", "multipleOf": 0.5, "title": "N"},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", "b"]},
        {"type": "string", "enum": ["a", None]},
        {"const": 3},
        {"$ref": "#/$defs/x"},
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: (
        st.builds(
            lambda properties, **more: {"type": "object", "properties": properties, **more},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        )
        | st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inner,
            st.integers(0, 3),
        )
        | st.builds(
            lambda name, each: {name: each},
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=2),
        )
        | st.builds(lambda one: {"$defs": {"x": one}, "$ref": "#/$defs/x"}, inner)
    ),
    max_leaves=8,
)


@given(schemas)
def test_it_is_what_the_official_client_sends(schema: dict[str, Any]) -> None:
    before = deepcopy(schema)
    assert claude_schema(schema, "schema").schema == anthropic.transform_schema(schema)
    assert schema == before


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": ["string", "null"]}, [None, "a"], [3]),
        ({"definitions": {"n": {"type": "integer"}}, "$ref": "#/definitions/n"}, [3], ["a"]),
    ],
)
def test_what_the_client_does_not_know_keeps_its_meaning(
    schema: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    made = claude_schema(schema, "schema").schema
    assert all(jsonschema.Draft7Validator(made).is_valid(value) for value in good)
    assert not any(jsonschema.Draft7Validator(made).is_valid(value) for value in bad)


def test_what_became_words_is_told() -> None:
    made = claude_schema({"type": "integer", "minimum": 1, "description": "A number."}, "schema")
    assert made.schema["description"] == "A number.\n\n{minimum: 1}"
    assert made.moved == {"minimum"}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ([], "schema must be an object"),
        ({"type": "object", "properties": {"a": False}}, "schema.properties.a must be an object"),
        ({"anyOf": [7]}, r"schema.anyOf\[0\] must be an object"),
        ({"type": {}}, "schema.type must be"),
    ],
)
def test_what_is_no_schema_is_refused_by_its_place(schema: Any, place: str) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(UnsupportedContent, match=place):
        claude_schema(schema, "schema")
