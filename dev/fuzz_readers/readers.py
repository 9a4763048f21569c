"""Readers that are fuzzed, by name; each has a folder in the corpus."""

from collections.abc import Mapping
from typing import Final

from dev.fuzz_readers.contract_readers import CONTRACT_READERS
from dev.fuzz_readers.corpus import seeds_of
from dev.fuzz_readers.provider_readers import PROVIDER_READERS
from dev.fuzz_readers.running import Reader

_SLOW: Final[Mapping[str, float]] = {"configuration": 2.0, "batch": 0.15}
"""The operator's own file is read on a thread; a batch may inflate to 16 MiB, which takes 43 ms."""

READERS: Final[Mapping[str, Reader]] = {
    name: Reader(name, read, seeds_of(name), _SLOW.get(name, 0.05))
    for name, read in {**CONTRACT_READERS, **PROVIDER_READERS}.items()
}
