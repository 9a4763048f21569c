"""Candidates: kept questions near the asked one, as they were read. Which can be compared with it?

A sketch is unpacked when its candidate's turn comes: mostly the first one decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cache.storage.entry import CacheEntry
from cache.storage.store import decode_read, never_of
from cache.verification.quantized_embedding import decode_quantized
from cache.verification.verifier import EmbeddedText

SHORT_TEXTS: Final = 400
"""Signs of all texts of a search that are compared in a millisecond or two."""


@dataclass(frozen=True, slots=True)
class CandidateQuestion:
    """A kept question."""

    name: str
    entry: CacheEntry
    text: str
    sketch: str
    record: str | None
    """What was observed on it."""

    def embedded(self) -> EmbeddedText | None:
        """Its text with its vectors; None: its sketch is damaged."""
        embedding = decode_quantized(self.sketch)
        return None if embedding is None else EmbeddedText(self.text, embedding)


def read_candidates(
    names: Sequence[str], version: bytes | None, never: bytes | None, values: Sequence[bytes | None]
) -> tuple[list[CandidateQuestion], set[str]]:
    """The entries that can be compared, and the names of all that are there.

    values: of the keys `e:<entry>`, then of `observed:<entry>`; version, never: of the tenant's
    `age` and of the asked question's `never`.
    """
    refused, candidates, there = never_of(never), list[CandidateQuestion](), set[str]()
    for name, value, record in zip(names, values, values[len(names) :], strict=False):
        entry = decode_read(version, value).entry
        if entry is None:
            continue
        there.add(name)
        if entry.same_words_only or entry.exact in refused:
            continue
        if entry.text is not None and entry.sketch:
            observed = None if record is None else record.decode()
            candidates.append(CandidateQuestion(name, entry, entry.text, entry.sketch, observed))
    return candidates, there


def is_short(text: str) -> bool:
    """Whether it takes but a moment to take a text apart."""
    return len(text) <= SHORT_TEXTS


def are_short(asked: str, candidates: Iterable[CandidateQuestion]) -> bool:
    """Whether it takes but a moment to compare a question with its candidates."""
    return len(asked) + sum(len(candidate.text) for candidate in candidates) <= SHORT_TEXTS
