"""The second look: with the real model, late, away, and asked by too many."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from cache.identity.recogniser import Recognition, Shares
from cache.semantic.embedder import NoEmbedder
from cache.semantic.question_embedder import QuestionEmbedder
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.second_look import MOST_QUESTIONS_WAITING, SecondLook, second_look
from tests.waiting import suspended, until

FOLDER = Path("var/multilingual")
UNSURE = Recognition((0.5, 0.5, 0.0, 0.0), "en", 0.3, 0.5)
TIMELESS: Shares = (1.0, 0.0, 0.0, 0.0)
LIKELY_TIMELESS = 0.9


def has_model() -> Path:
    if not FOLDER.exists():
        pytest.fail("no model in var/multilingual: build it with `make embedder`")
    return FOLDER


def test_the_model_sees_likeness_across_languages() -> None:
    embedder = QuestionEmbedder(has_model())
    time, zeit, jikan, bread = [
        embedder.embed_now(text)
        for text in (
            "What time is it?",
            "Wie spät ist es?",
            "今は何時ですか",
            "How do I bake bread?",
        )
    ]
    assert min(time @ zeit, time @ jikan) > 0.85 > time @ bread


def test_any_text_has_a_vector() -> None:
    embedder = QuestionEmbedder(has_model())
    for text in ("", "\ud800", "ﷺ" * 400, "\0\n", "🤷" * 300):
        assert float(embedder.embed_now(text) @ embedder.embed_now(text)) == pytest.approx(1, 1e-3)


async def test_what_the_recogniser_is_unsure_about_is_judged() -> None:
    look = second_look(has_model(), wait_s=60)
    assert look is not None
    recogniser = load_recogniser()
    for text, is_timeless in (
        ("Who leads the league?", False),
        ("ブンデスリーガの首位はどこですか", False),
        ("What is a leap year?", True),
        ("Was ist ein Wechselkurs?", True),
    ):
        both = await look.recognise(text, recogniser.recognise(text))
        assert (both.share("timeless") > 0.5) is is_timeless, text
    look.close()


def late_look() -> tuple[threading.Event, SecondLook]:
    """A second look whose verdict, timeless, comes once the event is set."""
    goes_on = threading.Event()

    def classify(_text: str) -> Shares:
        goes_on.wait(60)
        return TIMELESS

    return goes_on, SecondLook(lambda: classify, wait_s=0.01)


async def test_a_late_verdict_is_a_doubt_and_serves_the_next() -> None:
    goes_on, look = late_look()
    late = await look.recognise("Why?", UNSURE)
    assert (late.shares, late.doubt) == (UNSURE.shares, 0.0)
    goes_on.set()

    async def is_remembered() -> bool:
        both = await look.recognise("Why?", UNSURE)
        return both.share("timeless") > LIKELY_TIMELESS

    await until(is_remembered)
    look.close()


async def test_who_comes_after_the_time_of_a_late_verdict_does_not_wait_again() -> None:
    goes_on, look = late_look()
    await look.recognise("Why?", UNSURE)
    again = look.recognise("Why?", UNSURE)
    with pytest.raises(StopIteration) as ended:  # without a step of the loop
        again.send(None)
    assert ended.value.value.doubt == 0.0
    goes_on.set()
    look.close()


async def test_of_too_many_none_waits_and_one_text_is_judged_once() -> None:
    goes_on, judged = threading.Event(), []

    def classify(text: str) -> Shares:
        goes_on.wait(60)
        judged.append(text)
        return TIMELESS

    look = SecondLook(lambda: classify, wait_s=60)
    texts = [f"Why {number}?" for number in range(MOST_QUESTIONS_WAITING)]
    waiting = [asyncio.create_task(look.recognise(text, UNSURE)) for text in texts + texts]
    await suspended(*waiting)
    assert (await look.recognise("And why?", UNSURE)).doubt == 0.0
    goes_on.set()
    both = await asyncio.gather(*waiting)
    assert all(it.share("timeless") > LIKELY_TIMELESS for it in both)
    assert sorted(judged) == sorted(texts)
    look.close()


async def test_a_broken_model_is_told_once_and_the_recogniser_decides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def load() -> None:
        raise NoEmbedder("no weights")

    look = SecondLook(load, wait_s=60)  # type: ignore[arg-type]
    await asyncio.gather(*(look.recognise(f"Why {number}?", UNSURE) for number in range(3)))
    assert await look.recognise("Why?", UNSURE) is UNSURE
    assert [record.message for record in caplog.records if "second look" in record.message] == [
        "the cache's second look is off, the recogniser decides alone: no weights"
    ]
    look.close()


async def test_a_text_that_breaks_it_is_in_doubt_and_the_next_is_judged() -> None:
    def classify(text: str) -> Shares:
        if text == "Break!":
            raise RuntimeError(text)
        return TIMELESS

    look = SecondLook(lambda: classify, wait_s=60)
    assert (await look.recognise("Break!", UNSURE)).doubt == 0.0
    assert (await look.recognise("Why?", UNSURE)).share("timeless") > LIKELY_TIMELESS
    look.close()


def test_without_a_folder_there_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert second_look(tmp_path, 1) is None
    assert "make embedder" in caplog.text


def test_a_damaged_folder_says_how_to_build_it(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("{}")
    with pytest.raises(NoEmbedder, match="make embedder"):
        QuestionEmbedder(tmp_path)
