"""`python -m workers dlq`: what lies in the dead-letter topic, and sending it on its way again."""

import argparse
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from observability.reports.period import moment
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker, connection, to_record
from producers.kafka.broker import Publisher, Record
from runtime.process.dead_letters import (
    DeadLetter,
    DeadLetterFilter,
    DeadLetterIndex,
    LetterOffset,
    read_dead_letter,
    replay_records,
)
from runtime.process.settings import ServiceSettings


class DeadLetterReader:
    """The dead-letter topic as it is now."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        """`reading` builds one."""
        self._consumer = consumer

    async def all(self) -> list[DeadLetter]:
        """Every letter, oldest first."""
        partitions = self._consumer.assignment()
        await self._consumer.seek_to_beginning(*partitions)
        ends = await self._consumer.end_offsets(partitions)
        found = DeadLetterIndex()
        async for record in self._until(ends):
            found.add(record)
        return found.all()

    async def one(self, place: LetterOffset) -> Record:
        """Raises ValueError when it isn't there (any more)."""
        partition = TopicPartition(topics.DEAD_LETTERS, place.partition)
        if partition not in self._consumer.assignment() or not await self._holds(partition, place):
            raise ValueError(f"there is no dead letter {place} (any more)")
        self._consumer.seek(partition, place.offset)
        return to_record(await self._consumer.getone(partition))

    async def _holds(self, partition: TopicPartition, place: LetterOffset) -> bool:
        first = await self._consumer.beginning_offsets([partition])
        end = await self._consumer.end_offsets([partition])
        held: bool = first[partition] <= place.offset < end[partition]
        return held

    async def _until(self, ends: dict[TopicPartition, int]) -> AsyncIterator[Record]:
        """The records below `ends`."""
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                polled = await self._consumer.getmany(partition, timeout_ms=1000)
                for raw in polled.get(partition, ()):
                    yield to_record(raw)


@asynccontextmanager
async def open_dead_letters(settings: ServiceSettings) -> AsyncIterator[DeadLetterReader]:
    """A look at the dead-letter topic that belongs to no group and leaves no trace."""
    consumer = AIOKafkaConsumer(
        topics.DEAD_LETTERS,
        **connection(settings),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        yield DeadLetterReader(consumer)
    finally:
        await consumer.stop()


async def list_letters(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Shows what lies there."""
    async with open_dead_letters(settings) as dead:
        found = [letter for letter in await dead.all() if filter_of(options).fits(letter)]
    if options.json:
        print(json.dumps([_as_json(letter) for letter in found], indent=2))
    else:
        Console().print(_table(found))
        print(f"{len(found)} dead letters")


async def show_letter(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Shows one letter; its content only when asked for: it may hold a prompt."""
    async with open_dead_letters(settings) as dead:
        record = await dead.one(options.place)
    told = _as_json(read_dead_letter(record)) | {
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }
    if options.content:
        told["content"] = record.value.decode(errors="replace")
    print(json.dumps(told, indent=2, ensure_ascii=False))


async def replay_letters(options: argparse.Namespace, settings: ServiceSettings) -> None:
    """Sends letters to where they belong. Those replayed before are left alone, unless --again."""
    which = filter_of(options)
    if which == DeadLetterFilter(replayed=which.replayed) and not options.all:
        raise ValueError("which ones? places such as 0:42, a filter, or --all")
    async with (
        open_dead_letters(settings) as dead,
        KafkaBroker(settings, "switchgear-dlq") as broker,
    ):
        found = [letter for letter in await dead.all() if which.fits(letter)]
        for letter in found:
            await _replay(dead, broker, letter, dry_run=options.dry_run)
    print(f"{len(found)} {'would be replayed' if options.dry_run else 'replayed'}")


async def _replay(
    dead: DeadLetterReader, broker: Publisher, letter: DeadLetter, *, dry_run: bool
) -> None:
    try:
        records = replay_records(await dead.one(letter.place))
    except ValueError as error:
        print(f"left alone: {error}", file=sys.stderr)
        return
    print(f"{letter.place} {letter.reason} {letter.request_id or '-'} -> {letter.topic}")
    if not dry_run:
        for outgoing in records:
            await broker.publish(outgoing)


def filter_of(options: argparse.Namespace) -> DeadLetterFilter:
    """The letters that the command line asks for."""
    places = getattr(options, "places", None)
    return DeadLetterFilter(
        options.reason,
        options.tenant,
        options.since,
        options.until,
        frozenset(places) if places else None,
        replayed=options.again,
    )


def moment_ms(text: str) -> int:
    """An argparse type: the Unix milliseconds of a time, in the grammar of every `--since`."""
    try:
        return moment(text, time.time_ns() // 1_000_000)
    except ValueError as error:
        # argparse would hide a ValueError's message, which holds the right forms
        raise argparse.ArgumentTypeError(str(error)) from None


def add_commands(commands: Any) -> None:  # noqa: ANN401 argparse doesn't publish the type
    """`dlq` and what can be done with it."""
    dlq = commands.add_parser("dlq", help="dead letters: list, show, replay", description=__doc__)
    actions = dlq.add_subparsers(title="commands", required=True)
    listing = actions.add_parser("list", help="what lies there")
    _add_filters(listing)
    listing.add_argument("--json", action="store_true", help="for a program")
    listing.set_defaults(run=list_letters, again=True)
    one = actions.add_parser("show", help="one letter: its headers, its reason, its place")
    one.add_argument("place", type=LetterOffset.parse, help="partition:offset, as in the list")
    one.add_argument("--content", action="store_true", help="the content too; may hold a prompt")
    one.set_defaults(run=show_letter)
    again = actions.add_parser("replay", help="send them on their way again")
    again.add_argument("places", nargs="*", type=LetterOffset.parse, help="partition:offset")
    _add_filters(again)
    again.add_argument("--all", action="store_true", help="every one not replayed yet")
    again.add_argument("--again", action="store_true", help="also those replayed before")
    again.add_argument("--dry-run", action="store_true", help="only say what would be done")
    again.set_defaults(run=replay_letters)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", help="a failure code, e.g. invalid_request")
    parser.add_argument("--tenant")
    parser.add_argument("--since", type=moment_ms, help="90s, 2h, 7d, 2w ago, or an ISO 8601 time")
    parser.add_argument("--until", type=moment_ms, help="as --since")


def _table(found: Iterable[DeadLetter]) -> Table:
    table = Table("place", "buried (UTC)", "reason", "tenant", "request", "lay at", "replayed")
    for letter in found:
        replay = "" if letter.replayed_ms is None else _utc(letter.replayed_ms)
        who = (letter.tenant or "-", letter.request_id or "-", letter.origin)
        table.add_row(str(letter.place), _utc(letter.at_ms), letter.reason, *who, replay)
    return table


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    return asdict(letter) | {"place": str(letter.place)}


def _utc(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
