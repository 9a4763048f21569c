"""Mutations of an input: of its bytes, and of the values and names of its JSON."""

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeAlias

_MOST_BYTES: Final = 20_000
_VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, "", "x", "\x00", "é"),
    *([], {}, [[]], [{}], [None], {"": None}, "9" * 400, "\ud800", "1e999", "NaN", [0] * 300),
    *({"type": "text"}, {"text": 1}, {"role": "user"}, [{"role": "user", "content": ""}]),
)
_NUMBERS: Final[Sequence[Any]] = (
    *(2**31 - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**309, 10**400),
    *(-(10**400), 1e308, -1e308, 5e-324, -0.0, 0.1, 1e22, -1, float("inf"), float("nan")),
)
_NUMERIC_TEXTS: Final[Sequence[str]] = (
    *("nan", "NaN", "inf", "-Infinity", "1e400", "-0", "+1", "1_000", "0x10", "1e-400", " 1 ", ""),
    *("9" * 309, "9" * 4_301, "9" * 15_000, "0." + "9" * 5_000, "1e" + "9" * 400),
    *("18446744073709551616", "9223372036854775808", "\u0663", "\u00b2", "\uff11"),
)
"""What a careless parser of numbers takes, or breaks by."""
_DIGITS: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_TOKENS: Final[Sequence[bytes]] = (
    *(b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b'"', b"\\", b"\\ud800"),
    *(b"[" * 500, b'{"a":' * 200, b"9" * 300, b"-", b"1e999", b"NaN", b"Infinity", b"null"),
    *(b"\r\n", b"://", b":", b",", b"%", b"=", b";", b"\x1b[31m", b"data: ", b"a" * 3_000),
)
Mutation: TypeAlias = Callable[[Random, bytes], bytes]


def _bit(random: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\x00")
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _noise(random: Random, data: bytes) -> bytes:
    at, size = _place(random, data), random.randint(1, 8)
    return data[:at] + random.randbytes(size) + data[at + size :]


def _erased(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.randint(1, 32) :]


def _repeated(random: Random, data: bytes) -> bytes:
    start, size = _place(random, data), random.randint(1, 64)
    times = random.choice((2, 3, 50, 300))
    return data[:start] + data[start : start + size] * times + data[start + size :]


def _token(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.choice(_TOKENS) + data[at:]


def _json(random: Random, data: bytes) -> bytes:
    """Another value, name or length somewhere in the JSON; of other bytes, a token."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _token(random, data)
    changeable = list(places(value))
    if not changeable:
        return json.dumps(_value(random)).encode()
    for _ in range(random.choice((1, 1, 1, 3))):
        container, key = random.choice(changeable)
        _change(random, container, key)
    return json.dumps(value).encode(errors="replace")


def _number(random: Random, data: bytes) -> bytes:
    """An odd number, or a text like one, in place of one that is there."""
    found = [match.span() for match in _DIGITS.finditer(data[:_MOST_BYTES])]
    if not found:
        return _json(random, data)
    begins, ends = random.choice(found)
    if random.randrange(2):
        odd = json.dumps(random.choice(_NUMBERS)).encode()
    else:
        odd = random.choice(_NUMERIC_TEXTS).encode()
        odd = random.choice((odd, b'"' + odd + b'"'))
    return data[:begins] + odd + data[ends:]


def _change(random: Random, container: Any, key: Any) -> None:  # noqa: ANN401 any JSON
    if isinstance(container, list):
        if key < len(container):
            container[key] = _value(random)
        return
    match random.randrange(4):
        case 0:
            container.pop(key, None)
        case 1:
            container[f"{key}x"] = container.pop(key, None)
        case 2 if isinstance(container.get(key), list):
            container[key] = container[key] * random.choice((2, 40))
        case _:
            container[key] = _value(random)


def _value(random: Random) -> Any:  # noqa: ANN401 any JSON
    return random.choice(random.choice((_VALUES, _VALUES, _NUMBERS, _NUMERIC_TEXTS)))


def places(value: Any) -> Any:  # noqa: ANN401 any JSON
    """(container, key) of every value inside of a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from places(inner)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield value, n
            yield from places(inner)


def _place(random: Random, data: bytes) -> int:
    return random.randrange(len(data) + 1)


_MUTATIONS: Final[Sequence[Mutation]] = (
    *(_bit, _noise, _erased, _repeated, _token, _json, _json, _json, _json, _number, _number),
)


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to four mutations."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(_MUTATIONS)(random, data)[:_MOST_BYTES]
    return data
