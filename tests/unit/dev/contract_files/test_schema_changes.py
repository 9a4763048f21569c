from typing import Annotated, Any, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, create_model

from dev.contract_files.schema_changes import breaks_readers, breaks_writers

JsonSchema: TypeAlias = dict[str, Any]
Json: TypeAlias = Any


def schema(**fields: object) -> JsonSchema:
    model: type[BaseModel] = create_model("Record", **fields)  # type: ignore[call-overload]
    return model.model_json_schema()


def small(**fields: object) -> JsonSchema:
    model: type[BaseModel] = create_model("Inner", **fields)  # type: ignore[call-overload]
    return schema(inner=(model, ...))


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    known: int = 0


class ClosedWithMore(Closed):
    more: int = 0


NAME = (str, ...)
OPTIONAL = (str | None, None)


@pytest.mark.parametrize(
    ("old", "new", "writers", "readers"),
    [
        # a new optional field is ignored by who doesn't know it
        (schema(a=NAME), schema(a=NAME, b=OPTIONAL), [], []),
        # a new required one: old writers don't send it, old readers ignore it
        (schema(a=NAME), schema(a=NAME, b=NAME), ["b: became required"], []),
        (
            schema(a=OPTIONAL),
            schema(a=NAME),
            ["a: became required", "a: is null, where readers take string"],
            [],
        ),
        (schema(a=NAME), schema(a=(str, "x")), [], ["a: is no longer promised"]),
        (
            schema(a=OPTIONAL, b=NAME),
            schema(b=NAME),
            ["a: is no longer read"],
            ["a: is no longer written"],
        ),
        (
            schema(a=(Literal["x"], ...)),
            schema(a=(Literal["x", "y"], ...)),
            [],
            ["a: may be 'y', which readers don't know"],
        ),
        (
            schema(a=(Literal["x", "y"], ...)),
            schema(a=(Literal["x"], ...)),
            ["a: may be 'y', which readers don't know"],
            [],
        ),
        (
            schema(a=(int, ...)),
            schema(a=(float, ...)),
            [],
            ["a: is number, where readers take integer"],
        ),
        (
            schema(a=NAME),
            schema(a=(Annotated[str, Field(max_length=5)], ...)),
            ["a: maxLength is none, where readers allow 5"],
            [],
        ),
        (
            small(a=(list[int], ...)),
            small(a=(list[str], ...)),
            ["inner.a[]: is integer, where readers take string"],
            ["inner.a[]: is string, where readers take integer"],
        ),
        (
            schema(a=(dict[str, str], ...)),
            schema(a=(dict[str, int], ...)),
            ["a.*: is string, where readers take integer"],
            ["a.*: is integer, where readers take string"],
        ),
        (
            schema(a=(int | str, ...)),
            schema(a=(int, ...)),
            ["a: is string, where readers take integer"],
            [],
        ),
        (
            schema(a=(Closed, ...)),
            schema(a=(ClosedWithMore, ...)),
            [],
            ["a.more: is refused by readers that lack it"],
        ),
        (
            schema(a=(Annotated[str, Field(pattern="^a$")], ...)),
            schema(a=(Annotated[str, Field(pattern="^b$")], ...)),
            ["a: the pattern is ^a$, where readers demand ^b$"],
            ["a: the pattern is ^b$, where readers demand ^a$"],
        ),
    ],
)
def test_each_kind_of_change_breaks_whom_it_breaks(
    old: JsonSchema, new: JsonSchema, writers: list[str], readers: list[str]
) -> None:
    assert [str(change) for change in breaks_writers(old, new)] == writers
    assert [str(change) for change in breaks_readers(old, new)] == readers


class Node(BaseModel):
    value: int
    next: "Node | None" = None


def test_a_recursive_schema_is_compared_to_its_end() -> None:
    narrower = Node.model_json_schema()
    narrower["$defs"]["Node"]["properties"]["value"]["minimum"] = 1
    assert breaks_writers(Node.model_json_schema(), Node.model_json_schema()) == []
    problems = [str(change) for change in breaks_writers(Node.model_json_schema(), narrower)]
    assert "value: minimum is none, where readers demand 1" in problems


LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda kind, low, high: {"type": kind} | low | high,
        st.sampled_from(["integer", "number"]),
        st.one_of(st.just({}), st.builds(lambda n: {"minimum": n}, st.integers(-1, 2))),
        st.one_of(st.just({}), st.builds(lambda n: {"maximum": n}, st.integers(-1, 2))),
    ),
    st.builds(
        lambda length: {"type": "string"} | length,
        st.one_of(st.just({}), st.builds(lambda n: {"maxLength": n}, st.integers(0, 2))),
    ),
    st.builds(
        lambda values: {"enum": values},
        st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=2, unique=True),
    ),
)


def _objects(children: st.SearchStrategy[JsonSchema]) -> st.SearchStrategy[JsonSchema]:
    fields = st.dictionaries(st.sampled_from("xyz"), children, max_size=2)
    return fields.flatmap(
        lambda named: st.builds(
            lambda required, closed: {
                "type": "object",
                "properties": named,
                "required": sorted(required),
                **({"additionalProperties": False} if closed else {}),
            },
            st.sets(st.sampled_from(sorted(named))) if named else st.just(set()),
            st.booleans(),
        )
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        _objects(children),
        st.builds(lambda item: {"type": "array", "items": item}, children),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(children, min_size=1, max_size=2)),
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.sampled_from([None, True, False, -1, 0, 1, 2, 0.5, "", "a", "b", "abc"]),
    lambda children: st.one_of(
        st.lists(children, max_size=2),
        st.dictionaries(st.sampled_from("xyz"), children, max_size=2),
    ),
    max_leaves=4,
)


def only_known(value: Json, known: JsonSchema) -> Json:
    """The value without the fields that its writer's schema lacks: nobody writes those."""
    if isinstance(value, list):
        return [only_known(item, known.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: only_known(inner, known["properties"][name])
        for name, inner in value.items()
        if name in known.get("properties", {})
    }


@given(SCHEMAS)
def test_a_schema_breaks_nothing_of_itself(same: JsonSchema) -> None:
    assert breaks_writers(same, same) == []
    assert breaks_readers(same, same) == []


@given(SCHEMAS, SCHEMAS, VALUES)
def test_what_is_said_to_break_nobody_can_be_read(
    old: JsonSchema, new: JsonSchema, value: Json
) -> None:
    """Judged by a validator: what one schema's writers may write, the other's readers take."""
    for written, read, problems in (
        (old, new, breaks_writers(old, new)),
        (new, old, breaks_readers(old, new)),
    ):
        record = only_known(value, written)
        if not problems and Draft202012Validator(written).is_valid(record):
            assert Draft202012Validator(read).is_valid(record)
