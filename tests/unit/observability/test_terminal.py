import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from observability.terminal import cell, output_width, plain, readable_json

OBEYED = {"Cc", "Cs", "Zl", "Zp"}
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = plain(text)
    assert not {unicodedata.category(letter) for letter in shown} & OBEYED
    assert not {unicodedata.bidirectional(letter) for letter in shown} & DIRECTIONS
    assert shown.encode().decode() == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
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
