"""Compiled size of a regular expression, computed before anything compiles it.

`regex` writes a repeat out as often as its lower bound says, and one inside of another as often as
the product says: 43 characters can take all memory. What is counted here is an upper estimate of
the nodes that it writes; syntax that could hide a repeat from the count is refused.
"""

import re
from dataclasses import dataclass
from typing import Final

import regex

from runtime import limits

MAX_PATTERN_CHARACTERS: Final = limits.PATTERN.value
MAX_SIZE: Final = limits.PATTERN_PARTS.value
"""Nodes; one takes about half a microsecond and 300 bytes."""

_MAX_DEPTH: Final = limits.PATTERN_DEPTH.value
_HIDING: Final = re.compile(r"\(\?(?:#|[a-zA-Z0-9]*x)")
_TOKEN: Final = re.compile(
    r"""(?P<atom>\\.|\[\^?(?:\\.|\].|[^\]\\])(?:\\.|[^\]\\])*\])
    |(?P<open>\()
    |(?P<close>\))
    |(?P<repeat>\{\s*(?P<least>\d*)\s*(?:,\s*\d*\s*)?\})
    |(?P<aside>[*+?]|\{[^{}()\[\]\\]*\})
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _Group:
    """Sizes in nodes. size: of all before the last element; last: of that, which a repeat takes."""

    size: int = 1
    last: int = 0


def too_large(*patterns: str) -> str | None:
    """Why these patterns, of one check, must not be compiled; None if they may be."""
    total = 0
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            most = f"{MAX_PATTERN_CHARACTERS:,}"
            return f"a pattern has {len(pattern):,} characters, at most {most} may be"
        if _HIDING.search(pattern):
            return "comments and the flag x aren't supported in patterns"
        size = _size(pattern)
        if size is None:
            return f"its groups are nested more than {_MAX_DEPTH} deep"
        total += size
    if total > MAX_SIZE:
        return f"its repeats make {total:,} parts when written out, at most {MAX_SIZE:,} may be"
    return None


def unusable_pattern(*patterns: str) -> str | None:
    """Why these patterns, of one check, can't be used; None if they can."""
    large = too_large(*patterns)
    if large is not None:
        return large
    try:
        for pattern in patterns:
            regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
        return f"the pattern is invalid: {error}"
    return None


def _size(pattern: str) -> int | None:
    """Nodes; None when it is nested too deep. Cut off above `MAX_SIZE`, so numbers stay small."""
    groups = [_Group()]
    for token in _TOKEN.finditer(pattern):
        group = groups[-1]
        match token.lastgroup:
            case "open":
                groups.append(_Group())
                if len(groups) > _MAX_DEPTH:
                    return None
            case "close" if len(groups) > 1:
                closed = groups.pop()
                _add(groups[-1], closed.size + closed.last)
            case "repeat":
                least = min(int(token["least"][:9] or 0), MAX_SIZE + 1)
                group.last = min(group.last * max(1, least), MAX_SIZE + 1)
            case "aside":
                group.size += len(token[0])
            case _:
                _add(group, len(token[0]))
    return sum(group.size + group.last for group in groups)


def _add(group: _Group, size: int) -> None:
    group.size = min(group.size + group.last, MAX_SIZE + 1)
    group.last = size
