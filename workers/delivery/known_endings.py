"""Known endings: what this process recorded lately, and what Redis is still owed; no I/O.

A request whose ending is known is answered with it, whether Redis answers, is away or was emptied.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from workers.delivery.claims import FinalRecords
from workers.delivery.request_identity import Identity


@dataclass(frozen=True, slots=True)
class KnownEnding:
    """An ending that was told. until: when it is forgotten, seconds of a monotonic clock."""

    identity: Identity
    ending: FinalRecords
    until: float


class KnownEndings:
    """Endings by their requests' identities, within two bounds of bytes; the oldest go first.

    A failure after which its request may run again isn't one: only Redis knows who sent it when.
    """

    def __init__(self, keep_s: float, most_recorded: int, most_owed: int) -> None:
        self._keep_s: Final = keep_s
        self._recorded: Final = _Shelf(most_recorded)
        self._owed: Final = _Shelf(most_owed)

    def find(self, identity: Identity, now: float) -> FinalRecords | None:
        """How the request ended here; None for another request under the same id."""
        known = self._owed.get(identity.key) or self._recorded.get(identity.key)
        if known is None or known.identity.fingerprint != identity.fingerprint:
            return None
        return known.ending if now < known.until else None

    def add_recorded(self, identity: Identity, ending: FinalRecords, now: float) -> None:
        """Redis has it, or never will."""
        self._owed.drop(identity.key)
        if not ending.retryable:
            self._recorded.put(KnownEnding(identity, ending, now + self._keep_s))

    def add_owed(self, identity: Identity, ending: FinalRecords, now: float) -> None:
        """Redis was away; the first ending that was told is the one that counts."""
        if not ending.retryable and self._owed.get(identity.key) is None:
            self._owed.put(KnownEnding(identity, ending, now + self._keep_s))

    def owed(self, key: str) -> KnownEnding | None:
        """What Redis is owed under the key."""
        return self._owed.get(key)

    @property
    def owed_keys(self) -> list[str]:
        """The oldest first."""
        return self._owed.keys

    def forget(self, key: str) -> None:
        """It is owed no longer, nor known."""
        self._owed.drop(key)

    def settle(self, key: str) -> None:
        """It is owed no longer, and still known."""
        owed = self._owed.drop(key)
        if owed is not None:
            self._recorded.put(owed)


class _Shelf:
    """Endings by key, the oldest first, within a bound of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._endings = OrderedDict[str, KnownEnding]()
        self._bytes = 0

    @property
    def keys(self) -> list[str]:
        return list(self._endings)

    def get(self, key: str) -> KnownEnding | None:
        return self._endings.get(key)

    def put(self, known: KnownEnding) -> None:
        self.drop(known.identity.key)
        self._endings[known.identity.key] = known
        self._bytes += _size(known)
        while self._bytes > self._most_bytes:
            self.drop(next(iter(self._endings)))

    def drop(self, key: str) -> KnownEnding | None:
        known = self._endings.pop(key, None)
        self._bytes -= 0 if known is None else _size(known)
        return known


def _size(known: KnownEnding) -> int:
    """Bytes, with what Python takes for the objects around them."""
    return known.ending.size + len(known.identity.key) + 1_000
