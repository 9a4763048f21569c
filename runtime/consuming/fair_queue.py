"""Weighted fair queue of waiting records. Which is next, so that no tenant starves the others?

Weighted fair queueing: each tenant's queue has a virtual finish time that advances by 1/weight for
every record taken, and the queue with the earliest one is next (Demers, Keshav and Shenker, 1989).
Interactive records go before batch records, but every BATCH_SHARE-th is a batch record if one
waits and may begin. Records of one sequence are handled one after the other, in their order.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Final, Generic, TypeAlias, TypeVar

from runtime.consuming.tenant_shares import TenantShares

BATCH_SHARE: Final = 16

T = TypeVar("T")
MayBegin: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose record it is. weight: its share against other tenants; sequence: None = no order."""

    tenant: str
    weight: int = 1
    interactive: bool = True
    sequence: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket(Generic[T]):
    """One waiting record, as `take` hands it out and `finished` wants it back."""

    number: int
    lane: Lane
    item: T


@dataclass(slots=True)
class _Queue(Generic[T]):
    """The waiting records of one tenant in one class."""

    tickets: deque[Ticket[T]] = field(default_factory=deque)
    finish: float = 0.0


class _ClassQueue(Generic[T]):
    """All tenants of one class."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue[T]] = {}
        self._order: list[tuple[float, int, str]] = []
        self._now = 0.0
        self._ties = count()

    def push(self, ticket: Ticket[T], *, front: bool = False) -> None:
        queue = self._queues.setdefault(ticket.lane.tenant, _Queue())
        if not queue.tickets:
            self._schedule(queue, ticket.lane)
        if front:
            queue.tickets.appendleft(ticket)
        else:
            queue.tickets.append(ticket)

    def __bool__(self) -> bool:
        return bool(self._queues)

    def tenants(self) -> Collection[str]:
        return self._queues.keys()

    def pop(self, may_begin: MayBegin | None = None) -> Ticket[T] | None:
        """may_begin: the tenants that may have a turn now; the others keep their places."""
        passed: list[tuple[float, int, str]] = []
        while self._order and may_begin is not None and not may_begin(self._order[0][2]):
            passed.append(heappop(self._order))
        ticket = self._pop() if self._order else None
        for entry in passed:
            heappush(self._order, entry)
        return ticket

    def _pop(self) -> Ticket[T]:
        finish, _, tenant = heappop(self._order)
        queue = self._queues[tenant]
        ticket = queue.tickets.popleft()
        self._now = finish - 1 / ticket.lane.weight
        if queue.tickets:
            self._schedule(queue, queue.tickets[0].lane)
        else:
            del self._queues[tenant]
        return ticket

    def remove(self, unwanted: Callable[[T], bool]) -> list[Ticket[T]]:
        tickets = [ticket for queue in self._queues.values() for ticket in queue.tickets]
        for queue in self._queues.values():
            queue.tickets = deque(t for t in queue.tickets if not unwanted(t.item))
        self._queues = {name: queue for name, queue in self._queues.items() if queue.tickets}
        self._order = sorted(entry for entry in self._order if entry[2] in self._queues)
        return [ticket for ticket in tickets if unwanted(ticket.item)]

    def _schedule(self, queue: _Queue[T], lane: Lane) -> None:
        queue.finish = max(self._now, queue.finish) + 1 / lane.weight
        heappush(self._order, (queue.finish, next(self._ties), lane.tenant))


class FairQueue(Generic[T]):
    """The records received and not yet begun. `offer`, then `take` and `finished` for each."""

    def __init__(self) -> None:
        self._interactive: _ClassQueue[T] = _ClassQueue()
        self._batch: _ClassQueue[T] = _ClassQueue()
        self._nothing: _ClassQueue[T] = _ClassQueue()
        self._sequences = _Sequences[T]()
        self._numbers = count()
        self._taken = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def offer(self, lane: Lane, item: T) -> None:
        """`item` waits for its turn."""
        ticket = Ticket(next(self._numbers), lane, item)
        self._sequences.offered(ticket)
        self._queue(lane).push(ticket)
        self._size += 1

    def take(
        self,
        shares: TenantShares | None = None,
        may_be_batch: Callable[[], bool] = lambda: True,
    ) -> Ticket[T] | None:
        """The record whose turn it is; None when nothing may begin now.

        shares: what a tenant may hold; who holds it all is passed over. may_be_batch: whether
        there is room for a batch record; asked only while one waits.
        """
        while (ticket := self._pop(shares, may_be_batch)) is not None:
            if self._sequences.may_begin(ticket):
                self._size -= 1
                return ticket
        return None

    def finished(self, ticket: Ticket[T]) -> None:
        """The record is done: the next of its sequence may begin."""
        following = self._sequences.finished(ticket)
        if following is not None:
            self._queue(following.lane).push(following, front=True)

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Takes out the waiting records that are `unwanted`, such as those of a lost partition."""
        removed = self._interactive.remove(unwanted) + self._batch.remove(unwanted)
        removed += self._sequences.remove(unwanted)
        for ticket in removed:
            self.finished(ticket)
        self._size -= len(removed)
        return [ticket.item for ticket in removed]

    def _queue(self, lane: Lane) -> _ClassQueue[T]:
        return self._interactive if lane.interactive else self._batch

    def _pop(
        self, shares: TenantShares | None, may_be_batch: Callable[[], bool]
    ) -> Ticket[T] | None:
        self._taken += 1
        first, second = self._interactive, self._batch
        if not second or not may_be_batch():
            second = self._nothing
        elif self._taken % BATCH_SHARE == 0:
            first, second = second, first
        if shares is None:
            return first.pop() or second.pop()
        contested = _are_several(self._interactive.tenants(), self._batch.tenants())
        may_begin = partial(shares.may_begin, contested=contested)
        return first.pop(may_begin) or second.pop(may_begin)


def _are_several(first: Collection[str], second: Collection[str]) -> bool:
    """Whether more than one tenant waits in both together; cheap, for it is asked at each turn."""
    if len(first) > 1 or len(second) > 1:
        return True
    return bool(first and second and {*first} != {*second})


class _Sequences(Generic[T]):
    """Who may begin among records that must be handled in order."""

    def __init__(self) -> None:
        self._order: dict[tuple[str, str], deque[int]] = {}
        self._held: dict[int, Ticket[T]] = {}

    def offered(self, ticket: Ticket[T]) -> None:
        if ticket.lane.sequence is not None:
            self._order.setdefault(_sequence(ticket), deque()).append(ticket.number)

    def may_begin(self, ticket: Ticket[T]) -> bool:
        """Whether it is the oldest of its sequence; if not, it is held until it is."""
        if ticket.lane.sequence is None or self._order[_sequence(ticket)][0] == ticket.number:
            return True
        self._held[ticket.number] = ticket
        return False

    def finished(self, ticket: Ticket[T]) -> Ticket[T] | None:
        """The held record that may begin now."""
        if ticket.lane.sequence is None:
            return None
        order = self._order[_sequence(ticket)]
        order.remove(ticket.number)
        if not order:
            del self._order[_sequence(ticket)]
            return None
        return self._held.pop(order[0], None)

    def remove(self, unwanted: Callable[[T], bool]) -> list[Ticket[T]]:
        removed = [ticket for ticket in self._held.values() if unwanted(ticket.item)]
        for ticket in removed:
            del self._held[ticket.number]
        return removed


def _sequence(ticket: Ticket[T]) -> tuple[str, str]:
    return ticket.lane.tenant, ticket.lane.sequence or ""
