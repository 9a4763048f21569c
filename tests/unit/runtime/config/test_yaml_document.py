import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.yaml_document import (
    MAX_FILE_CHARACTERS,
    DuplicateKey,
    UnreadableYaml,
    YamlDocument,
    read_yaml,
)

NINE = ", ".join(["*{}"] * 9)
ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{NINE.replace('{}', before)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def document(text: str) -> YamlDocument:
    read = read_yaml(text)
    assert isinstance(read, YamlDocument), read
    return read


def refusal(text: str) -> UnreadableYaml:
    read = read_yaml(text)
    assert isinstance(read, UnreadableYaml), read
    return read


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("#" * (MAX_FILE_CHARACTERS + 1), "too long"),
        ("[" * 100_000, "nested too deeply"),
        ("{a: " * 100_000, "nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested more than 64 deep"),
        (ALIAS_BOMB, "aliases written out"),
        ("&a [*a]", "nested more than 64 deep"),
        ("a: 1\n---\nb: 2", "another document"),
    ],
)
def test_bounds(text: str, what: str) -> None:
    assert what in refusal(text).what


def test_words_are_words_and_truth_values_are_truth_values() -> None:
    data = document("{a: no, b: off, c: false, d: &x true, e: *x, f: 0o10, g: 1e3}").data
    assert data == {"a": "no", "b": "off", "c": False, "d": True, "e": True, "f": 8, "g": 1000.0}
    assert isinstance(data, dict)
    assert {type(value) for value in data.values()} == {str, bool, int, float}


def test_every_duplicate_key_is_noted_with_its_place() -> None:
    text = "a: 1\nb: {x: 1, x: 2}\na: 2\nc:\n  - y: 1\n    y: 2\na: 3\n"
    assert set(document(text).duplicates) == {
        DuplicateKey(("a",), 3, 1),
        DuplicateKey(("a",), 7, 1),
        DuplicateKey(("b", "x"), 2, 2),
        DuplicateKey(("c", "0", "y"), 6, 5),
    }


def test_merged_keys_count_and_are_no_duplicates() -> None:
    read = document("base: &base {x: 1, y: 2}\nown:\n  <<: *base\n  y: 3\n")
    assert read.data == {"base": {"x": 1, "y": 2}, "own": {"x": 1, "y": 3}}
    assert read.duplicates == ()
    assert read.line_of(("own", "x")) == 2
    assert read.line_of(("own", "y")) == 4


TEXTS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=9)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=9), VALUES, min_size=1, max_size=4))
def test_json_is_read_as_plain_data_and_each_key_is_on_its_line(data: dict[str, object]) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=False)
    read = document(text)
    assert read.data == data
    lines = text.splitlines()
    for key in data:
        assert f'"{key}":' in lines[read.line_of((key,)) - 1]
