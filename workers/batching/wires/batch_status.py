"""Batch status and result lines: what a provider says, in one shape for all."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

ProviderState: TypeAlias = Literal["running", "ended", "refused"]
"""`refused`: the provider took it and found later that it can't do it: nothing was done."""


@dataclass(frozen=True, slots=True)
class BatchRefusal:
    """Why a provider doesn't do a batch. lines: of the file, from 1, where it names them."""

    code: str
    message: str
    lines: tuple[int, ...] = ()

    @property
    def queue_is_full(self) -> bool:
        """Whether the same batch may be taken later: too much of us waits there already."""
        return self.code == "token_limit_exceeded" or "enqueued token" in self.message.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """One batch at its provider."""

    id: str
    state: ProviderState
    word: str
    """The provider's own."""
    mark: str | None = None
    """Our key, where the provider keeps it."""
    created_s: float | None = None
    """Unix seconds."""
    requests: int | None = None
    done: int = 0
    results: tuple[str, ...] = ()
    """Where its results lie: ids of files, an address, a folder."""
    refusal: BatchRefusal | None = None


@dataclass(frozen=True, slots=True)
class ItemAnswered:
    """The provider's answer to one request. body: as a call would have got it."""

    custom_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """One request that failed. status: HTTP's; 0 where the provider tells none."""

    custom_id: str
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ItemUndone:
    """One request that the provider didn't do: it wasn't billed."""

    custom_id: str
    word: str


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line of which not even the request can be told."""


ResultLine: TypeAlias = ItemAnswered | ItemFailed | ItemUndone | UnreadableLine


def text(value: object, longest: int = 200) -> str:
    """The beginning of a foreign text; empty for anything else."""
    return value[:longest] if isinstance(value, str) else ""


def number(value: object) -> int:
    """A foreign count; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def iso_seconds(value: object) -> float | None:
    """A foreign moment in ISO 8601 as Unix seconds; None for anything else."""
    try:
        at = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
