"""Malformed body: what reading a response's bytes raises when they aren't the dialect's.

A body that is beyond a limit of ours is told apart: whoever asked for so much may be the cause.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from producers.json_values import TooManyMarksError
from workers.providers.base.dialect import MALFORMED, Delta


class MalformedBodyError(Exception):
    """A body that isn't in the dialect; the message says in what way, and quotes nothing of it."""

    def __init__(self, words: str, *, too_large: bool = False) -> None:
        """too_large: it is beyond a limit of ours, so it may well be in the dialect."""
        super().__init__(words)
        self.too_large = too_large


def _malformed(error: BaseException) -> MalformedBodyError:
    if isinstance(error, TooManyMarksError):  # its words are ours
        return MalformedBodyError(f"it has {error}, at most so many are read", too_large=True)
    return MalformedBodyError(type(error).__name__)


class _MalformedBody:
    """Turns what reading a payload of an unexpected shape raises into MalformedBodyError."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        if isinstance(error, MALFORMED):
            raise _malformed(error) from None


MALFORMED_BODY: Final = _MalformedBody()
"""`with` it a payload is read."""


def guarded(deltas: Iterator[Delta]) -> Iterator[Delta]:
    """`deltas`, whose reading may fail halfway: those before have been passed on by then."""
    try:
        yield from deltas
    except MALFORMED as error:
        raise _malformed(error) from None


def at_once(deltas: Iterator[Delta]) -> Iterator[Delta]:
    """`deltas`, read by now; where their reading fails, the iterator does behind those before."""
    read: list[Delta] = []
    try:
        read.extend(deltas)
    except MalformedBodyError as error:
        return _failing(read, error)
    return iter(read)


def _failing(deltas: Iterable[Delta], error: Exception) -> Iterator[Delta]:
    yield from deltas
    raise error
