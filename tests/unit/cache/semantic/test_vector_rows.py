import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.semantic.vector_rows import RERANKED, SAMPLED, VectorRows, least_distant
from cache.verification.quantized_embedding import Vector

WIDTH = 100


def vector(seed: int) -> Vector:
    made = np.random.default_rng(seed).standard_normal(WIDTH).astype(np.float32)
    return made / np.float32(np.linalg.norm(made))


def test_it_finds_among_many_what_a_full_comparison_finds() -> None:
    rows, size = VectorRows(WIDTH), 10 * RERANKED
    for seed in range(size):
        rows.put(f"e{seed}", vector(seed))
    for seed in range(0, size, 50):
        (found,) = rows.nearest(vector(seed), 1)
        assert found.entry == f"e{seed}"
        assert found.cosine == pytest.approx(1, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=60))
def test_after_any_changes_it_holds_what_a_dictionary_holds(
    changes: list[tuple[bool, int]],
) -> None:
    rows, model = VectorRows(WIDTH), {}
    for at, (puts, entry) in enumerate(changes):
        if puts:
            rows.put(f"e{entry}", vector(at))
            model[f"e{entry}"] = vector(at)
        else:
            rows.remove(f"e{entry}")
            model.pop(f"e{entry}", None)
    assert len(rows) == len(model)
    asked = vector(999)
    found = {near.entry: near.cosine for near in rows.nearest(asked, 100)}
    assert found == pytest.approx(
        {entry: float(kept @ asked) for entry, kept in model.items()}, abs=0.02
    )


@pytest.mark.parametrize("size", [RERANKED + 1, SAMPLED, 3 * SAMPLED + 7])
@pytest.mark.parametrize("spread", [0, 3, 40])
@pytest.mark.parametrize("order", [0, 1, -1])
def test_no_row_that_is_among_the_least_distant_is_missed(
    size: int, spread: int, order: int
) -> None:
    drawn = np.random.default_rng(size + spread).normal(150, spread, size)
    distances = np.clip(np.sort(drawn)[::order] if order else drawn, 0, 384).astype(np.uint16)
    found = least_distant(distances)
    nearest = np.argsort(distances, kind="stable")[: len(found)]
    assert len(found) >= RERANKED
    assert list(found) == list(nearest)
