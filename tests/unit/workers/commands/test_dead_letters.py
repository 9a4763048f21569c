import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from runtime.process.dead_letters import DeadLetter, DeadLetterFilter, LetterOffset
from runtime.process.settings import ServiceSettings
from workers.commands.dead_letters import (
    DeadLetterContents,
    NotReplayed,
    Replayed,
    ReplayOptions,
    contents_json,
    dead_letters_json,
    dead_letters_table,
    replay_dead_letters,
    replay_line,
)

HOSTILE = "[/x]\x1b]8;;http://evil\x07\x9b2J\u202e[bold\ud800"


def letter(text: str = HOSTILE) -> DeadLetter:
    return DeadLetter(LetterOffset(0, 42), 1_000, text, text, text, text, text, text, 10)


def test_a_hostile_sender_blinds_no_list() -> None:
    out = io.StringIO()
    console = Console(file=out, width=1000, force_terminal=True, color_system=None)
    console.print(dead_letters_table([letter(), letter("acme")]))
    assert out.getvalue().count("0:42") == 2
    assert "[/x]" in out.getvalue()
    assert not {"\x07", "\x9b", "\u202e", "\ud800"} & set(out.getvalue())
    assert "\x1b]8" not in out.getvalue()


@pytest.mark.parametrize("at_ms", [-(2**63), 253_402_300_800_000, 2**63 - 1])
def test_a_letter_or_a_mark_of_no_calendars_time_hides_no_list(at_ms: int) -> None:
    """A record's time is its writer's word."""
    times = (replace(letter(), at_ms=at_ms), replace(letter(), replayed_ms=at_ms), letter("acme"))
    out = io.StringIO()
    Console(file=out, width=1000).print(dead_letters_table(times))
    assert out.getvalue().count("0:42") == len(times)


def test_no_line_of_a_replay_reaches_the_terminal_as_a_command() -> None:
    for result in (Replayed(letter()), NotReplayed(letter(), HOSTILE)):
        assert replay_line(result).isprintable()


def test_json_holds_the_senders_words_unchanged_and_harmless() -> None:
    text = dead_letters_json([letter()])
    assert json.loads(text)[0]["tenant"] == HOSTILE
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_prompt_is_shown_only_when_it_is_asked_for() -> None:
    contents = DeadLetterContents(letter("r"), "key", [("x-tenant", "acme"), ("n", None)], "secret")
    assert "secret" not in contents_json(contents, with_value=False)
    shown = json.loads(contents_json(contents, with_value=True))
    assert shown["content"] == "secret"
    assert shown["headers"] == [["x-tenant", "acme"], ["n", None]]
    assert shown["place"] == "0:42"


async def test_everything_is_replayed_only_when_that_is_said() -> None:
    with pytest.raises(ValueError, match="which ones"):
        await anext(
            replay_dead_letters(
                ServiceSettings(), DeadLetterFilter(replayed=False), ReplayOptions()
            )
        )
