"""Dead-letter commands: list, show and replay what lies in the dead-letter topic.

`dead_letters`, `dead_letter_contents` and `replay_dead_letters` return data, the functions below
them render it.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from observability.terminal import cell, plain, readable_json, utc
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker, to_record
from producers.kafka.broker import Record
from producers.kafka.connection import consuming
from producers.settings import KafkaSettings
from runtime.identity.record_signature import RecordSigner
from runtime.process.dead_letters import (
    DeadLetter,
    DeadLetterFilter,
    DeadLetterIndex,
    LetterOffset,
    read_dead_letter,
    replay_records,
)
from runtime.process.process import signer_of
from runtime.process.settings import ServiceSettings
from runtime.process.signing_publisher import SigningPublisher

# -------------------------------------------------------------------------------------- the data


@dataclass(frozen=True, slots=True)
class DeadLetterContents:
    """A dead letter with its record's key, headers and value (which may hold a prompt)."""

    letter: DeadLetter
    key: str | None
    headers: Sequence[tuple[str, str | None]]
    value: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The letter lies in its queue again (after a dry run: it would)."""

    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class NotReplayed:
    """The letter was left alone; `reason` is for a person."""

    letter: DeadLetter
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How letters are sent again."""

    everything: bool = False
    """Also without any filter."""
    dry_run: bool = False
    past_router: bool = False
    """To the queue where each lay, as it was tagged there."""
    unsigned: bool = False
    """Also what doesn't bear our signature: from before there was a key."""


ReplayResult: TypeAlias = Replayed | NotReplayed


async def dead_letters(settings: KafkaSettings, wanted: DeadLetterFilter) -> list[DeadLetter]:
    """The letters that fit, oldest first, without their contents. Raises KafkaError."""
    async with open_dead_letters(settings) as reader:
        return [letter for letter in await reader.letters() if wanted.fits(letter)]


async def dead_letter_contents(settings: KafkaSettings, place: LetterOffset) -> DeadLetterContents:
    """One letter. Raises ValueError when it isn't there (any more), KafkaError."""
    async with open_dead_letters(settings) as reader:
        record = await reader.record_at(place)
    return DeadLetterContents(
        read_dead_letter(record),
        _text(record.key),
        tuple((name, _text(value)) for name, value in record.headers),
        record.value.decode(errors="replace"),
    )


async def replay_dead_letters(
    settings: ServiceSettings,
    wanted: DeadLetterFilter,
    options: ReplayOptions,
) -> AsyncIterator[ReplayResult]:
    """Send the letters that fit on their way again, oldest first; each result as it happens.

    With a router key, only letters that bear its signature, and in its name: whoever may write to
    the dead-letter topic could otherwise have any request sent in any tenant's name. Raises
    ValueError for a filter that chooses nothing unless everything is meant, KafkaError.
    """
    everything, dry_run, signer = options.everything, options.dry_run, signer_of(settings)
    if wanted == DeadLetterFilter(replayed=wanted.replayed) and not everything:
        raise ValueError("which ones? places such as 0:42, a filter, or --all")
    async with (
        open_dead_letters(settings) as reader,
        KafkaBroker(settings, "switchgear-dlq") as broker,
    ):
        publisher = broker if signer is None else SigningPublisher(broker, signer)
        for letter in [letter for letter in await reader.letters() if wanted.fits(letter)]:
            try:
                record = await reader.record_at(letter.place)
                if not options.unsigned:
                    require_signature(record, signer)
                records = replay_records(record, past_router=options.past_router)
            except ValueError as error:
                yield NotReplayed(letter, str(error))
                continue
            if not dry_run:
                for outgoing in records:
                    await publisher.publish(outgoing)
            yield Replayed(letter)


def require_signature(letter: Record, signer: RecordSigner | None) -> None:
    """Raises ValueError for a letter that none of our processes wrote, where that can be told."""
    if signer is not None and not signer.genuine(letter):
        place = LetterOffset(letter.partition.number, letter.offset)
        raise ValueError(
            f"{place}: it doesn't bear our signature; --unsigned for those before there was a key"
        )


class DeadLetterReader:
    """The dead-letter topic as it is now; `open_dead_letters` builds one."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def letters(self) -> list[DeadLetter]:
        """Every letter, oldest first."""
        partitions = self._consumer.assignment()
        await self._consumer.seek_to_beginning(*partitions)
        index = DeadLetterIndex()
        # the ends are read once: letters that are buried meanwhile would keep the loop running
        for partition, end in (await self._consumer.end_offsets(partitions)).items():
            while await self._consumer.position(partition) < end:
                polled = await self._consumer.getmany(partition, timeout_ms=1000)
                for raw in polled.get(partition, ()):
                    index.add(to_record(raw))
        return index.all()

    async def record_at(self, place: LetterOffset) -> Record:
        """Raises ValueError when it isn't there (any more)."""
        partition = TopicPartition(topics.DEAD_LETTERS, place.partition)
        if partition not in self._consumer.assignment() or not await self._holds(partition, place):
            raise ValueError(f"there is no dead letter {place} (any more)")
        self._consumer.seek(partition, place.offset)
        return to_record(await self._consumer.getone(partition))

    async def _holds(self, partition: TopicPartition, place: LetterOffset) -> bool:
        first: int = (await self._consumer.beginning_offsets([partition]))[partition]
        end: int = (await self._consumer.end_offsets([partition]))[partition]
        return first <= place.offset < end


@asynccontextmanager
async def open_dead_letters(settings: KafkaSettings) -> AsyncIterator[DeadLetterReader]:
    """A reader of the dead-letter topic that belongs to no group and commits nothing."""
    async with consuming(
        settings, topics.DEAD_LETTERS, begin="earliest", client_id="switchgear-dlq"
    ) as consumer:
        yield DeadLetterReader(consumer)


# ---------------------------------------------------------------------------------- its renderers


def dead_letters_table(letters: Iterable[DeadLetter]) -> Table:
    """A row a letter. Tenant, request and origin are the sender's words: shown, never obeyed."""
    table = Table("place", "buried (UTC)", "reason", "tenant", "request", "lay at", "replayed")
    for letter in letters:
        table.add_row(
            str(letter.place),
            utc(letter.at_ms),
            cell(letter.reason),
            cell(letter.tenant or "-"),
            cell(letter.request_id or "-"),
            cell(letter.origin),
            "" if letter.replayed_ms is None else utc(letter.replayed_ms),
        )
    return table


def dead_letters_json(letters: Iterable[DeadLetter]) -> str:
    """A JSON array of the letters, for a program."""
    return readable_json([_fields(letter) for letter in letters])


def contents_json(contents: DeadLetterContents, *, with_value: bool) -> str:
    """A JSON object of one letter; with_value: also what may hold a prompt."""
    shown = _fields(contents.letter) | {"key": contents.key, "headers": contents.headers}
    return readable_json(shown | ({"content": contents.value} if with_value else {}))


def replay_line(result: ReplayResult) -> str:
    """One line that says what became of a letter."""
    letter = result.letter
    if isinstance(result, NotReplayed):
        return plain(f"left alone: {result.reason}")
    return plain(f"{letter.place} {letter.reason} {letter.request_id or '-'} -> {letter.topic}")


def _fields(letter: DeadLetter) -> dict[str, Any]:
    return asdict(letter) | {"place": str(letter.place)}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
