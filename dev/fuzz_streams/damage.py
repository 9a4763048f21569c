"""Damage to a recorded stream: what a broken connection, proxy or server makes of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from dev.fuzz_streams.recordings import Recording, framed, parsed

_ESCAPE: Final = 8
"""Characters that one damaged byte may take with it: an escape, a letter of four bytes."""
_VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 10**30, 1.5, "", "x", "stop", "error", "tool_use"),
    *([], {}, [{}], [[]], {"type": "text"}, {"text": "x"}, [None], {"message": "x", "code": 429}),
)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A stream after its damage. may_lack: characters of the answer that it took; None = any."""

    stream: bytes
    may_lack: int | None


Damage: TypeAlias = Callable[[Random, Recording], Damaged]


def cut(random: Random, recording: Recording) -> Damaged:
    """The connection breaks."""
    return Damaged(recording.stream[: random.randrange(len(recording.stream))], 0)


def bit(random: Random, recording: Recording) -> Damaged:
    """One bit is another."""
    stream = bytearray(recording.stream)
    stream[random.randrange(len(stream))] ^= 1 << random.randrange(8)
    return Damaged(bytes(stream), _ESCAPE)


def noise(random: Random, recording: Recording) -> Damaged:
    """A few bytes in a row are others."""
    at, size = random.randrange(len(recording.stream)), random.randint(1, 8)
    stream = recording.stream[:at] + random.randbytes(size) + recording.stream[at + size :]
    return Damaged(stream, size + _ESCAPE)


def erased(random: Random, recording: Recording) -> Damaged:
    """A few bytes in a row are missing."""
    at, size = random.randrange(len(recording.stream)), random.randint(1, 16)
    return Damaged(recording.stream[:at] + recording.stream[at + size :], size + _ESCAPE)


def inserted(random: Random, recording: Recording) -> Damaged:
    """A few bytes are too many: random ones, or such as mean something."""
    at = random.randrange(len(recording.stream))
    meant = (b"\n", b"\r\n", b"\n\n", b"data: ", b": ", b"{", b"}", b'"', b"null", b"\x00")
    extra = random.choice(meant) if random.random() < 0.7 else random.randbytes(3)
    return Damaged(recording.stream[:at] + extra + recording.stream[at:], _ESCAPE)


def dropped(random: Random, recording: Recording) -> Damaged:
    """An event is missing."""
    events, at = recording.events, random.randrange(len(recording.events))
    return Damaged(b"".join(events[:at] + events[at + 1 :]), None)


def repeated(random: Random, recording: Recording) -> Damaged:
    """An event comes twice."""
    events, at = recording.events, random.randrange(len(recording.events))
    return Damaged(b"".join(events[: at + 1] + events[at:]), None)


def swapped(random: Random, recording: Recording) -> Damaged:
    """Two events have changed places."""
    events = list(recording.events)
    one, other = random.randrange(len(events)), random.randrange(len(events))
    events[one], events[other] = events[other], events[one]
    return Damaged(b"".join(events), None)


def renamed(random: Random, recording: Recording) -> Damaged:
    """A field has another name, or a name as a value another letter, in an event that is whole."""
    at = random.randrange(len(recording.events))
    event = parsed(recording.dialect, recording.events[at])
    if event is None:
        return bit(random, recording)
    place, names = random.choice(list(_objects(event.body)))
    name = random.choice(names)
    place[name[:-1] + chr(33 + random.randrange(90))] = place.pop(name)
    return Damaged(_with(recording, at, framed(recording.dialect, event)), _ESCAPE)


def revalued(random: Random, recording: Recording) -> Damaged:
    """A field has another value, in an event that is whole."""
    at = random.randrange(len(recording.events))
    event = parsed(recording.dialect, recording.events[at])
    if event is None:
        return bit(random, recording)
    place, names = random.choice(list(_objects(event.body)))
    place[random.choice(names)] = random.choice(_VALUES)
    return Damaged(_with(recording, at, framed(recording.dialect, event)), None)


DAMAGES: Final[Sequence[Damage]] = (
    *(cut, bit, noise, erased, inserted),
    *(dropped, repeated, swapped, renamed, revalued),
)


def _with(recording: Recording, at: int, event: bytes) -> bytes:
    return b"".join((*recording.events[:at], event, *recording.events[at + 1 :]))


def _objects(value: object) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Every object inside of `value` that has fields, and their names."""
    if isinstance(value, dict):
        if value:
            yield value, list(value)
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
