"""Usage ledger: one row a request, booked once in effect, in the store you choose.

What did every request cost? Tenant, id, kind and time are the key, and a store moves its positions
together with the events or after them: a ledger that is killed anywhere, replayed or fed twice
holds the same sums. Which stores there are, and how one is named: `stores.selection`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

from observability.ledger.schema import COLUMNS, Column, event_key, without_nul
from producers.contract import UsageEvent

UsagePartition: TypeAlias = tuple[str, int]
Parameter: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that isn't a usage event: kept with the reason, so that nothing is lost."""

    topic: str
    partition: int
    offset: int
    problem: str
    raw: bytes

    @property
    def row(self) -> tuple[str, int, int, str, bytes]:
        """Its columns in `unreadable`."""
        return self.topic, self.partition, self.offset, without_nul(self.problem), self.raw


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """Records read together."""

    events: Sequence[UsageEvent]
    positions: Mapping[UsagePartition, int]
    """The offset after the last record of each partition."""
    unreadable: Sequence[Unreadable] = ()


@dataclass(frozen=True, slots=True)
class Booked:
    """How many of a batch's events were new, and how many were there already."""

    new: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The ledger's sums; cost in micro-dollars, exact."""

    requests: int
    cost: Decimal
    unpriced: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """What the stores don't say alike; all other SQL is of the part that each understands."""

    member: Callable[[str, str], str]
    """(a JSON object, its key) → the value as text, or NULL."""
    schema: str
    """The present one."""
    attempts: str
    """What stands after FROM for a row of `usage` with each of its attempts, called `attempt`, a
    JSON object."""


class LedgerReader(Protocol):
    """The tables `usage`, `positions` and `unreadable`, as they are for one reader."""

    @property
    def dialect(self) -> SqlDialect:
        """How to say what the stores say differently."""
        ...

    def rows(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Any]:
        """The answer; the SQL names its parameters `$name`. Its tuples hold ints and Decimals."""
        ...


class LedgerStore(Protocol):
    """Where the rows are. Its methods block, and wait for a while for a store that is away."""

    @property
    def name(self) -> str:
        """How to show it to people: without a password."""
        ...

    def create(self) -> None:
        """Make the tables; migrate those of an earlier version to the present columns and key."""
        ...

    def book(self, batch: UsageBatch) -> int:
        """Keep the batch, whose keys differ; the number of its events that were new."""
        ...

    def reading(self) -> AbstractContextManager[LedgerReader]:
        """A connection that only reads."""
        ...

    def forget(self, tenant: str, tags: Mapping[str, str], ids: Sequence[str]) -> None:
        """As the ledger's."""
        ...


class LedgerError(Exception):
    """The ledger can't be used as it is; the message says why, and what to do."""


_HOW_TO_MAKE: Final = "run `switchgear ledger --once`"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of every request; its methods block: call them in a thread."""

    store: LedgerStore

    def create(self) -> None:
        """Make the tables, if they aren't there."""
        self.store.create()

    def positions(self) -> dict[UsagePartition, int]:
        """The next offset to read of each partition."""
        with self.reading() as db:
            rows = db.rows("SELECT topic, part, next_offset FROM positions")
        return {(topic, part): offset for topic, part, offset in rows}

    def book(self, batch: UsageBatch) -> Booked:
        """The batch and its positions. Of two events with one key, the first one counts."""
        first = {event_key(event): event for event in reversed(batch.events)}
        new = self.store.book(replace(batch, events=list(first.values())))
        return Booked(new, len(batch.events) - new)

    def forget(self, tenant: str, tags: Mapping[str, str], ids: Sequence[str]) -> None:
        """Of a tenant's rows with these tags, or ids, what leads to a person goes; money stays.

        tags: what is to be there in place of each text of tags, as the ledger shows it.
        """
        self.store.forget(tenant, tags, ids)

    def totals(self) -> Totals:
        """Everything booked so far."""
        with self.reading() as db:
            ((requests, cost, unpriced),) = db.rows(
                "SELECT count(*) FILTER (WHERE aside IS NULL), sum(cost),"
                " count(*) FILTER (WHERE cost IS NULL AND outcome = 'done') FROM usage"
            )
            ((unreadable,),) = db.rows("SELECT count(*) FROM unreadable")
        return Totals(requests, cost or Decimal(0), unpriced, unreadable)

    @contextmanager
    def reading(self) -> Iterator[LedgerReader]:
        """For reports; keep it no longer than one takes. LedgerError: there is none to read."""
        with self.store.reading() as db:
            self._check(db)
            yield db

    def _check(self, db: LedgerReader) -> None:
        missing = missing_columns(db)
        if len(missing) == len(COLUMNS):
            raise LedgerError(f"there is no ledger in {self.store.name} yet: {_HOW_TO_MAKE}")
        if missing:
            names = ", ".join(column.name for column in missing)
            raise LedgerError(
                f"{self.store.name} is of an earlier version, without {names}: {_HOW_TO_MAKE},"
                " which migrates it (older events have no value in a new column), or replay the log"
                " into a new one"
            )


def missing_columns(db: LedgerReader) -> list[Column]:
    """All of them, if there is no table."""
    query = (
        "SELECT column_name FROM information_schema.columns"  # noqa: S608
        f" WHERE table_name = 'usage' AND table_schema = {db.dialect.schema}"
    )
    there = {name for (name,) in db.rows(query)}
    return [column for column in COLUMNS if column.name not in there]
