"""The exported model against the one that was trained, and the model that is shipped."""

from pathlib import Path

import numpy as np
import pytest

from cache.verification.lexical_features import LEXICAL_FEATURES
from cache.verification.token_alignment import ALIGNMENT_FEATURES
from cache.verification.verifier import read_verifier
from dev.train_verifier import fit, fit_network, fit_trees

WIDTH = len(LEXICAL_FEATURES) + len(ALIGNMENT_FEATURES)
SHIPPED = Path("cache/semantic/verifier.npz")


def test_the_exported_model_says_what_the_trained_one_says() -> None:
    random = np.random.default_rng(0)
    seen = random.standard_normal((600, WIDTH)).astype(np.float32)
    products = random.standard_normal((600, 8)).astype(np.float32)
    same = (seen[:, 0] + products[:, 0] > 0).astype(int)
    about = {"embedder": np.array("test-1"), "projection": np.eye(8, 4, dtype=np.float16)}
    model = read_verifier(fit(seen, products, same, about, rounds=20))
    trees = fit_trees(seen, same, rounds=20).decision_function(seen)
    scaler, network = fit_network(seen, products, same)
    shares = network.predict_proba(np.c_[products, scaler.transform(seen)])[:, 1]
    odds = (trees + np.log(shares / (1 - shares))) / 2
    np.testing.assert_allclose(
        model.score_inputs(seen, products), 1 / (1 + np.exp(-odds)), atol=2e-3
    )


def test_the_shipped_model_is_whole() -> None:
    model = read_verifier(np.load(SHIPPED))
    assert model.feature.max() < WIDTH
    assert model.mean.shape == model.scale.shape == (WIDTH,)
    assert model.embedder.startswith("all-MiniLM-L6-v2-")
    assert len(model.score([])) == 0


def test_a_stricter_target_has_a_higher_bar() -> None:
    model = read_verifier(np.load(SHIPPED))
    bars = [model.operating_point(target) for target in (0.0005, 0.001, 0.01, 0.03, 0.05, 0.2)]
    assert bars == sorted(bars, reverse=True)
    assert 0 < bars[-1] < bars[0] < 1


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.npz"
    np.savez(file, format=np.array("0"))
    with pytest.raises(ValueError, match="another version"):
        read_verifier(np.load(file))
