import json
from pathlib import Path

import pytest

from router.serve.model_file import default_model, load_success_model
from router.text.difficulty_features import DIFFICULTY_FEATURES


def test_the_model_that_ships_weighs_every_feature() -> None:
    assert set(default_model().weights) == set(DIFFICULTY_FEATURES)
    assert default_model() is default_model()


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"version": "v1", "weights": {"length": 0.5}}), encoding="utf-8")
    model = load_success_model(path)
    assert (model.version, model.weights) == ("v1", {"length": 0.5})


@pytest.mark.parametrize("content", ["", "{}", '{"version": "v1"}'])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises((ValueError, KeyError)):
        load_success_model(path)
