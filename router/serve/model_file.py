"""Success model on disk: the weights that `dev/train_router.py` writes and the router loads."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from router.decide.success_model import SuccessModel

MODEL_FILE: Final = Path(__file__).with_name("difficulty.json")


def load_success_model(path: Path) -> SuccessModel:
    """The model of a file. Raises OSError, ValueError, KeyError for one that isn't a model."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return SuccessModel(content["version"], content["weights"])


@cache
def default_model() -> SuccessModel:
    """The model that ships with the router."""
    return load_success_model(MODEL_FILE)
