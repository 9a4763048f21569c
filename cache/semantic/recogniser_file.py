"""Recogniser file: the trained model of what an answer is bound to. Which one is to be used?"""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from cache.identity.recogniser import Recogniser, read_recogniser

_log = logging.getLogger(__name__)
OURS: Final = Path(__file__).with_name("recogniser.npz")


@lru_cache(maxsize=2)
def load_recogniser(path: str | None = None) -> Recogniser:
    """The recogniser of a file, ours by default; ours, too, where the named one can't be read.

    Raises OSError when ours is not there: without it nothing may be kept.
    """
    if path is None:
        with np.load(OURS, allow_pickle=False) as archive:
            return read_recogniser(archive)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return read_recogniser(archive)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("cache.recogniser: %s: %s; ours is used; train one: make train", path, error)
        return load_recogniser()
