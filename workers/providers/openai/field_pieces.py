"""Fields in pieces: what a server streams bit by bit, put together without knowing the field."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from runtime import limits

_SAID_ONCE: Final = {"id", "type", "name", "role", "index", "format"}
"""Fields of an object in pieces that are names, not text."""


def joined_texts(pieces: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever a server's own field holds
    """The whole of a field that came in pieces: texts and lists in order, objects field by field.

    Of what comes in no pieces, such as a number, the last counts.
    """
    with suppress(TypeError):  # nearly always they are texts
        return "".join(pieces)
    if all(isinstance(piece, list) for piece in pieces):
        return list(chain.from_iterable(pieces))
    if all(isinstance(piece, Mapping) for piece in pieces):
        fields: dict[str, list[Any]] = {}
        for name, value in chain.from_iterable(piece.items() for piece in pieces):
            if value is not None:
                fields.setdefault(name, []).append(value)
                if too_many := limits.PROVIDER_PIECES.refusal(len(fields)):
                    raise ValueError(too_many)
        return {
            name: values[0] if name in _SAID_ONCE else joined_texts(values)
            for name, values in fields.items()
        }
    return pieces[-1]
