"""Every reader of foreign bytes over some mutations of its corpus; `make fuzz` takes more."""

import gc
import logging
import tracemalloc
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from dev.fuzz_readers import corpus
from dev.fuzz_readers.mutation import mutated
from dev.fuzz_readers.readers import READERS
from dev.fuzz_readers.running import Reader, input_of, run
from runtime.process.process import collect_garbage_less_often

ODD = (str(10**400), str(-(10**400)), str(2**63), str(2**64), "9" * 4_301, "1e+308", "-0.0", "NaN")
INPUTS = 150
LARGE_INPUTS = 15


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """And with the collector as in a process of ours."""
    thresholds = gc.get_threshold()
    collect_garbage_less_often()
    logging.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.parametrize("name", READERS)
def test_no_input_breaks_a_reader_or_holds_it_up(name: str) -> None:
    tally = run(READERS[name], 7, range(INPUTS))
    assert tally.findings == []
    assert tally.inputs == INPUTS


@pytest.mark.parametrize("name", sorted(READERS.keys() - {"configuration"}))
def test_no_large_input_breaks_a_reader_or_holds_it_up(name: str) -> None:
    reader = replace(READERS[name], most_bytes=min(100_000, READERS[name].most_bytes))
    tally = run(reader, 7, range(LARGE_INPUTS), large=True)
    assert tally.findings == []


def test_numbers_that_no_machine_word_holds_are_among_the_inputs() -> None:
    random, seen = Random(1), set[str]()
    for _ in range(3_000):
        text = mutated(random, [b'{"a": {"n": 17}, "b": [1.5]}', b"retry-after: 20"]).decode(
            "latin-1"
        )
        seen |= {odd for odd in ODD if odd in text}
    assert seen == set(ODD)


def test_nothing_is_kept_of_what_was_read() -> None:
    names = ("request", "headers", "batch", "answer", "error")
    for name in names:
        run(READERS[name], 3, range(100))
    gc.collect()
    tracemalloc.start()
    for name in names:
        run(READERS[name], 5, range(100))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # caches of texts have their bounds, which a hundred inputs don't reach
    assert kept < 3_000_000


def test_each_folder_of_the_corpus_has_its_reader() -> None:
    folders = {path.name for path in (Path(corpus.__file__).parent / "corpus").iterdir()}
    assert folders == READERS.keys()


def test_a_crash_and_a_stall_are_found_and_can_be_repeated() -> None:
    def read(data: bytes) -> None:
        if b"x" in data:
            raise KeyError(data)
        if len(data) > 50:
            sum(range(3_000_000))

    reader = Reader("guilty", [read], [b"y" * 10], most_s=0.02)
    tally = run(reader, 1, range(60))
    assert tally.crashes > 0
    assert tally.stalls > 0
    seed, number = tally.findings[0].split(":")[0].split()[1:]
    assert input_of(reader, int(seed), int(number)) == input_of(reader, int(seed), int(number))
