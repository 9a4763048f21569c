"""Is every schema either refused beforehand or ended in time, and is an ordinary one unharmed?"""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runtime import limits
from workers.checks.schema_check import json_problem, wrong_schema

Schema = dict[str, Any]
CODE: Schema = {
    "type": "object",
    "properties": {"op": {"enum": ["and", "or", "leaf"]}, "of": {"items": {"$ref": "#"}}},
    "required": ["op"],
    "additionalProperties": False,
}


def doubling(levels: int) -> Schema:
    steps: Schema = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**steps, f"s{levels}": {"type": "integer"}}, "$ref": "#/$defs/s0"}


def nested(levels: int) -> Any:  # noqa: ANN401 a schema may be true
    inside: object = True
    for _ in range(levels):
        inside = {"not": inside}
    return inside


REFUSED: list[tuple[Schema, str]] = [
    (doubling(20), "subschemas that apply to one value"),
    (doubling(60), "subschemas that apply to one value"),
    ({"properties": {"a": doubling(20)["$defs"]["s0"]}}, "is no place in it"),
    (nested(limits.SCHEMA_DEPTH.value + 1), "depth of a schema: 65 levels, at most 64"),
    ({"enum": list(range(limits.SCHEMA_VALUES.value))}, "values in a schema: 20,002 values"),
    ({"title": "x" * limits.SCHEMA_CHARACTERS.value}, "size of a schema"),
    ({"$ref": "#"}, "leads back to itself"),
    ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}, "leads back"),
    ({"$ref": "http://127.0.0.1:9/schema.json"}, "is no place in it, and none is fetched"),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "is no place in it"),
    ({"$dynamicRef": "#a"}, "$dynamicRef isn't supported"),
    ({"items": {"$id": "http://x/y"}}, "$id isn't supported"),
    ({"$anchor": "a", "items": {"$anchor": "a"}}, "isn't the only one"),
    ({"$ref": "#/const", "const": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "place"),
    ({"properties": {"a": {"pattern": "((a{999}){999}){999}"}}}, "repeats make"),
]
ENDED: list[tuple[Schema, str]] = [
    # twice the work at each level of the answer
    (
        {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}},
        '{"a":' * 90 + "1" + "}" * 90,
    ),
    ({"items": {"items": {"pattern": "(a|aa)+$"}}}, json.dumps([["a" * 60 + "b"] * 99] * 9)),
    (
        {"unevaluatedProperties": {"$ref": "#"}, "anyOf": [{"$ref": "#/$defs/a"}] * 500}
        | {"$defs": {"a": {"properties": {"x": True}}}},
        json.dumps({f"k{n}": {} for n in range(9_000)}),
    ),
]
LINEAR: list[tuple[Schema, str]] = [
    ({"uniqueItems": True}, json.dumps([{"a": n, "b": [n]} for n in range(20_000)])),
    ({"items": {"enum": list(range(900))}}, json.dumps([899] * 500)),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_a_bomb_is_refused_before_an_answer_is_paid_for(schema: Schema, words: str) -> None:
    begun = time.process_time()
    assert words in (wrong_schema(schema) or "")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(("schema", "text"), ENDED)
def test_a_check_ends_in_its_time(schema: Schema, text: str) -> None:
    assert wrong_schema(schema) is None
    begun = time.process_time()
    assert json_problem(schema, text, 0.3) == "its JSON can't be checked in time"
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(("schema", "text"), LINEAR)
def test_many_values_are_checked_in_linear_time(schema: Schema, text: str) -> None:
    assert wrong_schema(schema) is None
    assert json_problem(schema, text, 100) is None


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 2_000, "[" * 2_000 + "]" * 2_000, "Infinity", "[NaN]", "1" * 5_000, "", "\ud800"),
        *("1e999", "-", '"' + "x" * limits.CHECKED_JSON.value + '"'),
    ],
)
@pytest.mark.parametrize("schema", [{"multipleOf": 0.1}, {"type": "boolean"}, CODE])
def test_a_degenerate_answer_fails_its_check(schema: Schema, text: str) -> None:
    if schema == CODE and text == "1e999":
        text = "[1e999"
    problem = json_problem(schema, text, 1)
    assert problem is not None
    assert len(problem) < 500


def test_how_deep_a_checked_answer_may_be_is_a_limit_of_ours() -> None:
    # the interpreter's own limit differs by its version
    deepest = "[" * limits.CHECKED_DEPTH.value + "]" * limits.CHECKED_DEPTH.value
    assert json_problem({"type": "array"}, deepest, 100) is None
    assert json_problem({"type": "array"}, f'{{"a": {deepest}}}', 100) is not None
    assert "levels" in (json_problem({"type": "array"}, f"[{deepest}]", 100) or "")


def test_the_largest_schema_is_taken_in_time() -> None:
    schema = {"anyOf": [{"type": "integer", "minimum": n} for n in range(1_990)]}
    begun = time.process_time()
    assert wrong_schema(schema) is None
    assert json_problem(schema, "1", 100) is None
    assert wrong_schema(nested(limits.SCHEMA_DEPTH.value - 1)) is None
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (CODE, {"op": "and", "of": [{"op": "leaf"}]}, {"op": "and", "of": [{"op": "no"}]}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", **CODE}, {"op": "or"}, {"op": 1}),
        ({"definitions": {"a/b": {"type": "null"}}, "$ref": "#/definitions/a~1b"}, None, 1),
        ({"$defs": {"a": {"$anchor": "here", "minimum": 3}}, "$ref": "#here"}, 3, 2),
        ({"properties": {"patternProperties": {"type": "string"}}}, {}, {"patternProperties": 1}),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], [1, 1.0]),
        ({"uniqueItems": False}, [1, 1], None),
    ],
)
def test_ordinary_schemas_tell_good_from_bad(schema: Schema, good: object, bad: object) -> None:
    assert wrong_schema(schema) is None
    assert json_problem(schema, json.dumps(good), 1) is None
    if bad is not None:
        assert json_problem(schema, json.dumps(bad), 1) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "ab", 1.5]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.sampled_from(
        [
            *({"type": "integer"}, {"type": "array"}, {"minimum": 1}, {"uniqueItems": True}),
            *({"pattern": "^a"}, {"maxItems": 1}, {"required": ["a"]}, {"const": 1}, {"enum": [1]}),
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda s: {"not": s}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"properties": {"a": a, "b": b}}, inner, inner),
        st.builds(lambda s: {"items": s}, inner),
        st.builds(lambda s: {"additionalProperties": s, "unevaluatedProperties": False}, inner),
    ),
    max_leaves=6,
)


@given(SCHEMAS, JSON)
def test_the_verdict_is_that_of_the_reference(schema: Schema, value: object) -> None:
    assert wrong_schema(schema) is None
    right = Draft202012Validator(schema).is_valid(value)
    assert (json_problem(schema, json.dumps(value), 1) is None) is right
