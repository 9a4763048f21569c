"""Attempt log: the provider calls made for one request, whatever becomes of the request.

A call is billed although its request is cancelled or breaks, so an attempt can't wait for its call
to return. The log is the one mutable thing on the way of the money, and has one owner: whoever
obtains an answer opens it and freezes it. `ProviderCaller` records each call the moment it ends,
the fallback loop marks what failed its checks; all others read tuples, which never change.
"""

from producers.contract import Attempt
from workers.planning.earlier_refusals import is_unsent


class AttemptLog:
    """The calls made in one worker, after those that others made for the same request."""

    __slots__ = ("_earlier", "_made", "_tries")

    def __init__(self, earlier: tuple[Attempt, ...] = (), tries: int = 0) -> None:
        """earlier: attempts of other workers; tries: how many of them were in this tier."""
        self._earlier = earlier
        self._tries = tries
        self._made: list[Attempt] = []

    @property
    def made(self) -> tuple[Attempt, ...]:
        """The attempts of this worker: what its reservation of a budget is settled with."""
        return tuple(self._made)

    @property
    def all(self) -> tuple[Attempt, ...]:
        """The attempts of all workers, in the order of their ends."""
        return (*self._earlier, *self._made)

    @property
    def tries(self) -> int:
        """Calls in the request's present tier, here and before a delay, but those never sent."""
        return self._tries

    def record(self, attempt: Attempt) -> None:
        """A call has ended, well, badly, or cut short."""
        self._made.append(attempt)
        self._tries += not is_unsent(attempt)

    def mark_inadequate(self, attempt: Attempt) -> None:
        """The attempt's answer failed the request's checks: it was paid for in vain."""
        place = next(n for n, made in enumerate(self._made) if made is attempt)
        self._made[place] = attempt.model_copy(update={"outcome": "inadequate"})

    def change_tier(self) -> None:
        """The request goes on in another tier, where nothing was tried."""
        self._tries = 0
