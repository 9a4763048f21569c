import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from observability.terminal import cell, lines, output_width, plain, readable_json, utc

OBEYED = {"Cc", "Cs", "Zl", "Zp"}
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
SEEN_FORMATS = {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"}
"""Scripts whose format characters are seen, such as the sign of a year."""
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = plain(text)
    assert not {unicodedata.category(letter) for letter in shown} & OBEYED
    assert not {unicodedata.bidirectional(letter) for letter in shown} & DIRECTIONS
    assert shown.encode().decode() == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters=BLANK)))
def test_text_that_is_only_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_obeyed_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_not_seen_is_shown_as_its_escape() -> None:
    """Else two tenants look alike, or one like none."""
    formats = [
        letter
        for letter in map(chr, range(0x110000))
        if unicodedata.category(letter) == "Cf"
        and not {*unicodedata.name(letter, "").split()} & SEEN_FORMATS
    ]
    unseen = [*formats, *BLANK, "\u034f", "\u180b", "\ufe0f", "\U000e0100"]
    assert [letter for letter in unseen if plain(letter).isascii()] == unseen


def test_marks_are_not_stacked_over_the_lines_around() -> None:
    assert plain("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + r"\u0301\u0301"
    for word in ("Tiếng Việt", "e\u0302\u0323", "שָׁלוֹם", "हिन्दी"):
        assert plain(word) == word


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_of_a_record_can_be_shown(at_ms: int) -> None:
    assert utc(at_ms).isprintable()


def test_a_time_is_shown_as_such() -> None:
    assert utc(253_402_300_799_999) == "9999-12-31 23:59:59"
    assert utc(253_402_300_800_000) == "253402300800000 ms"
    assert utc(0) == "1970-01-01 00:00:00"


def test_several_mistakes_keep_their_lines() -> None:
    assert lines("one\n  two\x1b[2J") == "one\n  two\\x1b[2J"


def test_a_cell_of_a_megabyte_is_cut() -> None:
    assert len(cell("a" * 1_000_000)) < 1_000


def test_a_cell_reads_neither_markup_nor_emoji_names() -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=True)
    table = Table()
    table.add_column("tag")
    table.add_row(cell("[bold]x[/] [/red] :smile: \x1b[31m"))
    console.print(table)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert r"[bold]x[/] [/red] :smile: \x1b[31m" in printed


@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_json_for_people_is_the_same_value_and_harmless(value: dict[str, str]) -> None:
    text = readable_json(value)
    assert json.loads(text) == value
    assert not {unicodedata.category(c) for line in text.split("\n") for c in line} & OBEYED


@given(st.recursive(st.floats(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_json_for_people_is_json_whatever_the_numbers(value: object) -> None:
    def refuse(name: str) -> object:
        raise AssertionError(name)

    json.loads(readable_json({"n": value}), parse_constant=refuse)


def test_json_for_people_keeps_their_letters() -> None:
    assert readable_json(["Größe", "値", "\x9b\u202e\U000e0041"]) == (
        '[\n  "Größe",\n  "値",\n  "\\u009b\\u202e\\udb40\\udc41"\n]'
    )


def test_a_pipe_gets_whole_lines_and_a_terminal_its_own_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is folded can't be searched."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    table = Table("model")
    table.add_row("a-model-of-a-long-name " * 10)
    out = io.StringIO()
    Console(file=out, width=output_width()).print(table)
    assert ("a-model-of-a-long-name " * 10).strip() in out.getvalue()
    monkeypatch.setenv("COLUMNS", "80")
    assert output_width() is None
