"""Large inputs: one value or line of a seed, grown to as much as its reader takes.

Mutations stay small, so that there can be a million of them. What takes more than linear time, or
long for each value, shows in inputs of a hundred kilobytes and more.
"""

import json
import math
import re
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from dev.fuzz_readers.mutation import places

_LEAST_BYTES: Final = 20_000
_MARK: Final = "the grown value"
_ELEMENTS: Final[Sequence[bytes]] = (
    *(b"{}", b"[]", b"[[]]", b'""', b'"x"', b"0", b"-1.5e300", b"null", b"true", b'{"":{}}'),
    *(
        b'{"type":"text","text":"x"}',
        b'{"role":"user","content":"x"}',
        b'{"text":1}',
        b'"\xc3\xa9"',
    ),
    *(b'{"token":"a","logprob":-0.5,"bytes":[97]}', b'{"a":{"b":[{}]}}', b'{"allOf":[{}]}'),
    *(b'{"kind":"regex","pattern":"a"}', b'{"id":"1","function":{"name":"f"}}'),
)
_PIECES: Final[Sequence[str]] = (
    *("a", " ", "\n", "\t", "9", "0", ".", ",", "-", "?", "[", "{", "(", "<", "*", "#", "`", "'"),
    *("://", "a:b@", "=", ": ", "&", "%", "\\", '"', "\u00e9", "\u4e2d", "\U0001f600", "\u202e"),
    *("word ", "Ada ", "of ", "42 ", "1,000 ", "1.5 million ", "- x\n", "# x\n", "**a:** ", "I. "),
    *("sk-", "api_key=", "Bearer ", "eyJ", "x@y.z ", "a: b\n", "```\n", "the ", "\x1b[", "\u201cq"),
)
_LINE: Final = re.compile(rb"[^\n]*\n?")


def grown(random: Random, seeds: Sequence[bytes], most_bytes: int) -> bytes:
    """One of the seeds with something in it that makes it large."""
    size = int(math.exp(random.uniform(math.log(_LEAST_BYTES), math.log(most_bytes))))
    data = random.choice(seeds)
    head, brace, rest = data.partition(b"{")
    if brace and random.random() < 0.8:
        event, _, after = (brace + rest).partition(b"\n")
        changed = _in_json(random, event if head else brace + rest, size)
        if changed is not None:
            return (head + changed + (b"\n" + after if head else b""))[:most_bytes]
    return _in_lines(random, data, size)[:most_bytes]


def _in_json(random: Random, data: bytes, size: int) -> bytes | None:
    """`data` with one of its values large; None if it isn't JSON."""
    try:
        value: Any = json.loads(data)
    except ValueError:
        return None
    changeable = list(places(value))
    if not changeable:
        return None
    container, key = random.choice(changeable)
    former = json.dumps(container[key]).encode()
    container[key] = _MARK
    room = max(1, size - len(data))
    large = random.choice((_deep, _wide, _many_keys, _text, _number))(random, room)
    if random.random() < 0.3:
        large = _several(random, former, room)
    whole = json.dumps(value).encode()
    return whole.replace(json.dumps(_MARK).encode(), large, 1)


def _deep(random: Random, size: int) -> bytes:
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"b":', b"}]")))
    depth = min(size // (len(opening) + len(closing)), random.choice((50, 100, 1_000, size)))
    return opening * depth + b"1" + closing * depth


def _wide(random: Random, size: int) -> bytes:
    return _several(random, random.choice(_ELEMENTS), size)


def _several(random: Random, element: bytes, size: int) -> bytes:
    """A list, or lists in a list."""
    many = b"[" + b",".join([element] * max(1, size // (len(element) + 1))) + b"]"
    if random.random() < 0.8:
        return many
    few = b"[" + b",".join([element] * 10) + b"]"
    return b"[" + b",".join([few] * max(1, size // (len(few) + 1))) + b"]"


def _many_keys(random: Random, size: int) -> bytes:
    element, length = random.choice(_ELEMENTS), random.choice((1, 8, 200))
    number = max(1, size // (len(element) + length + 9))
    names = (f"{n:06}{'k' * length}" if number > 1 else "k" for n in range(number))
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), element) for name in names) + b"}"


def _text(random: Random, size: int) -> bytes:
    return json.dumps(_long(random, size), ensure_ascii=random.random() < 0.5).encode()


def _long(random: Random, size: int) -> str:
    """A few pieces again and again."""
    pieces = "".join(random.choices(_PIECES, k=random.choice((1, 1, 2, 3, 6))))
    text = pieces * max(1, size // len(pieces.encode()))
    return text[:-1] + random.choice(_PIECES)


def _number(random: Random, size: int) -> bytes:
    digits = b"9" * random.choice((20, 400, 5_000, size))
    return random.choice((b"%b", b"-%b", b"0.%b", b"1e%b", b"%b.5e-7", b"[%b]")) % digits


def _in_lines(random: Random, data: bytes, size: int) -> bytes:
    """A line's text grown, a line repeated, or the whole."""
    lines = _LINE.findall(data)
    at = random.randrange(len(lines))
    line = lines[at].rstrip(b"\n")
    match random.randrange(4):
        case 0:
            times = max(1, size // max(1, len(line) + 1))
            lines[at] = (line + b"\n") * times
        case 1:
            lines = lines * max(1, size // max(1, len(data)))
        case 2:
            name, mark, _ = line.partition(b": ")
            lines[at] = name + mark + _long(random, size).encode() + b"\n"
        case _:
            split = random.randrange(len(line) + 1)
            lines[at] = line[:split] + _long(random, size).encode() + line[split:] + b"\n"
    return b"".join(lines)
