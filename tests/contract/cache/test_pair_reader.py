"""The pair reader: with the real model, late, away, and asked by too many."""

import asyncio
import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from cache.semantic.embedder import LocalEmbedder, NoEmbedder
from cache.semantic.pair_encoder import PairEncoder, load_pair_classifier
from cache.semantic.pair_reader import MOST_PAIRS_WAITING, PairReader, ScorePair, pair_reader
from cache.semantic.verifier_file import load_verifier
from cache.verification.quantized_embedding import quantize
from cache.verification.verifier import EmbeddedText, Verifier
from runtime.config.sections.cache import CacheSettings
from tests.waiting import suspended, until

FOLDER = Path("var/multilingual")
ONES = np.ones((1, 4), np.float32)
NOTHING = EmbeddedText("?", quantize(ONES[0], np.zeros(0, np.int64), ONES[:0], ONES.T))


def embedded(embedder: LocalEmbedder, verifier: Verifier, text: str) -> EmbeddedText:
    made = embedder.embed_now(text)
    return EmbeddedText(text, quantize(made.sentence, made.ids, made.tokens, verifier.projection))


def test_it_tells_rewordings_from_other_questions() -> None:
    encoder, embedder = PairEncoder(FOLDER), LocalEmbedder(Path("var/embedder"))
    verifier = load_verifier(CacheSettings(), embedder.version)
    for question, same, other in (
        ("How do vaccines work?", "In what way does a vaccine work?", "How are vaccines made?"),
        ("Wie wird Käse gemacht?", "Wie stellt man Käse her?", "Wie wird Käse gelagert?"),
        (
            "¿Quién inventó la imprenta?",
            "¿Quién fue el inventor de la imprenta?",
            "¿Cuándo se inventó la imprenta?",
        ),
    ):
        here, there, elsewhere = (
            embedded(embedder, verifier, text) for text in (question, same, other)
        )
        assert encoder.log_odds(here, there) > encoder.log_odds(here, elsewhere)


def test_any_text_is_read() -> None:
    encoder, embedder = PairEncoder(FOLDER), LocalEmbedder(Path("var/embedder"))
    verifier = load_verifier(CacheSettings(), embedder.version)
    for text in ("", "ﷺ" * 400, "\0\n", "🤷" * 300):
        pair = embedded(embedder, verifier, text)
        assert 0 <= encoder.score_now(pair, pair, 0.5, None) <= 1


def reader_of(score: ScorePair, wait_s: float = 60) -> PairReader:
    return PairReader(load_pair_classifier(), lambda: score, wait_s)


async def test_a_late_score_is_none() -> None:
    goes_on = threading.Event()

    def late(_a: EmbeddedText, _b: EmbeddedText, verified: float, _language: str | None) -> float:
        goes_on.wait(60)
        return verified

    reader = reader_of(late, wait_s=0.01)
    assert await reader.score(NOTHING, NOTHING, 0.5, "en") is None
    goes_on.set()
    reader.close()


async def test_a_pair_beyond_those_that_wait_has_no_score() -> None:
    goes_on = threading.Event()

    def slow(_a: EmbeddedText, _b: EmbeddedText, verified: float, _language: str | None) -> float:
        goes_on.wait(60)
        return verified

    reader = reader_of(slow)
    asked = [
        asyncio.ensure_future(reader.score(NOTHING, NOTHING, 0.5, "en"))
        for _ in range(MOST_PAIRS_WAITING)
    ]
    await suspended(asked[-1])
    assert await reader.score(NOTHING, NOTHING, 0.5, "en") is None
    goes_on.set()
    assert await asyncio.gather(*asked) == [0.5] * MOST_PAIRS_WAITING
    assert await reader.score(NOTHING, NOTHING, 0.5, "en") == 0.5
    reader.close()


async def test_a_pair_that_fails_leaves_the_reader_on(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_a: EmbeddedText, _b: EmbeddedText, verified: float, _language: str | None) -> float:
        if verified == 0.5:
            raise RuntimeError
        return verified

    reader = reader_of(fails)
    with caplog.at_level(logging.WARNING):
        assert await reader.score(NOTHING, NOTHING, 0.5, "en") is None
    assert "failed: RuntimeError" in caplog.text
    assert await reader.score(NOTHING, NOTHING, 0.6, "en") == 0.6
    assert not reader.is_missing
    reader.close()


async def test_a_broken_model_is_told_once_and_the_verifier_decides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def load() -> ScorePair:
        raise NoEmbedder("broken")

    reader = PairReader(load_pair_classifier(), load, 60)
    with caplog.at_level(logging.WARNING):
        assert await reader.score(NOTHING, NOTHING, 0.5, "en") is None
        await until(lambda: reader.is_missing)
    assert caplog.text.count("the verifier decides alone: broken") == 1
    reader.close()


def test_without_a_model_or_beside_another_verifier_there_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert pair_reader(tmp_path, load_pair_classifier().verifier, 1) is None
    assert "make embedder" in caplog.text
    assert pair_reader(FOLDER, "another", 1) is None
    assert "trained beside" in caplog.text
