import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.verification.lexical_features import LEXICAL_FEATURES, lexical_features
from cache.verification.quantized_embedding import (
    QuantizedEmbedding,
    decode_quantized,
    encode_quantized,
    quantize,
)
from cache.verification.token_alignment import ALIGNMENT_FEATURES, alignment_features
from cache.verification.tokenizer import tokenize_question

WIDTH, NARROW = 32, 8
PROJECTION = np.eye(WIDTH, NARROW, dtype=np.float32)


def sketch(seed: int, pieces: int) -> QuantizedEmbedding:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((pieces, WIDTH)).astype(np.float32)
    ids = random.integers(1000, 1010, size=pieces)
    sentence = random.standard_normal(WIDTH).astype(np.float32)
    return quantize(sentence / np.float32(np.linalg.norm(sentence)), ids, rows, PROJECTION)


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_lexical_features_are_symmetric_and_finite(a: str, b: str) -> None:
    one, other = (
        lexical_features(tokenize_question(a), tokenize_question(b)),
        lexical_features(tokenize_question(b), tokenize_question(a)),
    )
    assert one == other
    assert len(one) == len(LEXICAL_FEATURES)
    assert all(map(math.isfinite, one))


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(51, 99), st.integers(0, 6), st.integers(0, 6))
def test_alignment_is_symmetric_and_finite(a: int, b: int, many: int, few: int) -> None:
    one = alignment_features(sketch(a, many), sketch(b, few))
    np.testing.assert_allclose(one, alignment_features(sketch(b, few), sketch(a, many)), atol=1e-5)
    assert len(one) == len(ALIGNMENT_FEATURES)
    assert np.isfinite(one).all()


def test_a_question_is_wholly_aligned_with_itself() -> None:
    found = dict(
        zip(ALIGNMENT_FEATURES, alignment_features(sketch(1, 5), sketch(1, 5)), strict=True)
    )
    for name in ("cosine", "mean_lower", "unshared_cosine", "first_piece", "last_piece"):
        assert abs(found[name] - 1) < 1e-5
    assert found["unshared_gap_upper"] == 0


def test_a_sketch_is_read_back_as_it_was_drawn() -> None:
    drawn = sketch(3, 7)
    found = decode_quantized(encode_quantized(drawn))
    assert found is not None
    np.testing.assert_allclose(found.sentence, drawn.sentence, atol=1e-6)
    np.testing.assert_array_equal(found.ids, drawn.ids)
    np.testing.assert_allclose(found.tokens, drawn.tokens, atol=1e-6)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_damaged_sketch_is_none(text: str) -> None:
    assert decode_quantized(text) is None or text.count(".") == 2
