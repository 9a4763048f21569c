"""Residency of a job's lines: may each be in this cell, before a byte of it is written there?"""

from collections.abc import AsyncIterator

from pydantic_core import from_json

from ..contract.codec import MAX_MESSAGE_VALUES
from ..contract.residency import excludes, narrower
from ..json_values import too_many_values
from .lines import DEMANDS, LONGEST_JOB_LINE


class WrongZoneLineError(Exception):
    """A line of the file may not be in this cell, or nobody can tell."""


async def resident_lines(
    content: AsyncIterator[bytes], imposed: tuple[str, ...], cell: str | None
) -> AsyncIterator[bytes]:
    """The content, whole lines at a time. imposed: the residency of the tenant or the client.

    Raises WrongZoneLineError. Without a cell the content passes as it comes.
    """
    rest, number = b"", 0
    async for piece in content:
        if cell is None:
            yield piece
            continue
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            _check(line, number, imposed, cell)
        if len(rest) > LONGEST_JOB_LINE:
            raise WrongZoneLineError(f"line {number + 1}: at most {LONGEST_JOB_LINE:,} bytes")
        if whole:
            yield b"\n".join(whole) + b"\n"
    if cell is not None and rest:
        _check(rest, number + 1, imposed, cell)
        yield rest


def _check(line: bytes, number: int, imposed: tuple[str, ...], cell: str) -> None:
    asked = _residency_of(line)
    if asked is None:
        words = "its residency can't be read, so it may not be written here"
        raise WrongZoneLineError(f"line {number}: {words}")
    if excludes(narrower(asked, imposed), cell):
        raise WrongZoneLineError(f"line {number}: its residency excludes this cell, {cell}")


def _residency_of(line: bytes) -> tuple[str, ...] | None:
    """The zones that the line allows, empty: all; None: it can't be told."""
    if b"residency" not in line and b"\\u" not in line:
        return ()
    if too_many_values(line, MAX_MESSAGE_VALUES):
        return None
    try:
        told = from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
    for name in ("body", DEMANDS):
        told = told.get(name) or {} if isinstance(told, dict) else {}
    asked = told.get("residency", ()) if isinstance(told, dict) else ()
    if not isinstance(asked, list | tuple) or not all(isinstance(zone, str) for zone in asked):
        return None
    return tuple(asked)
