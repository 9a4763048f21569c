"""What lies on the topics of replies, dead letters and usage, seen by who sees every record?

Runs as a process of its own: `python -m tests.chaos.observer KAFKA FILE`, until it is killed. It
belongs to no consumer group and reads from the beginning. Each final reply, each dead letter and
each usage event becomes a line of FILE; of a stream, whether its pieces make up its answer.
"""

import asyncio
import json
import sys
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TextIO

import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from observability.ledger.schema import event_key
from producers.contract import Chunk, Done, Failed, UsageEvent, codec, topics
from producers.inbox import StreamProgress
from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Record
from runtime.process.dead_letters import REASON
from tests.chaos import ledger
from tests.chaos.callers import text_digest

_RETRY_S: Final = 0.5


class Streams:
    """The pieces of the streams under way, as the client's own rules accept them."""

    def __init__(self) -> None:
        self._progress: dict[str, StreamProgress] = {}
        self._texts: dict[str, str] = {}

    def add(self, chunk: Chunk) -> None:
        """One more piece; a higher run starts over."""
        progress = self._progress.setdefault(chunk.id, StreamProgress())
        before = progress.run
        if progress.accepts(chunk):
            text = self._texts.get(chunk.id, "") if progress.run == before else ""
            self._texts[chunk.id] = text + (chunk.delta.get("content") or "")

    def end(self, done: Done) -> bool | None:
        """Whether the pieces make up the answer; None when there were none."""
        self._progress.pop(done.id, None)
        text = self._texts.pop(done.id, None)
        return None if text is None else text == done.body["choices"][0]["message"]["content"]


def noted(record: Record, streams: Streams) -> dict[str, Any] | None:
    """The line for one record; None for a piece of a stream."""
    line: dict[str, Any] = {"at": time.time(), "written": record.timestamp_ms / 1000}
    if record.partition.topic == topics.DEAD_LETTERS:
        identifier = codec.header(record.headers, codec.CORRELATION_ID) or (record.key or b"?")
        name = identifier if isinstance(identifier, str) else identifier.decode(errors="replace")
        return line | {"id": name, "dead": codec.header(record.headers, REASON)}
    if record.partition.topic == topics.USAGE:
        return _account(codec.decode_usage(record.value))
    reply = codec.decode_reply(record.value)
    match reply:
        case Chunk():
            streams.add(reply)
            return None
        case Done(route=route):
            answer = blake2b(json.dumps(reply.body, sort_keys=True).encode(), digest_size=8)
            line |= {"answer": answer.hexdigest(), "whole": streams.end(reply)}
            line |= {"calls": len(route.attempts), "cache": reply.cache.result}
            line |= {"text": text_digest(reply.body["choices"][0]["message"]["content"] or "")}
        case Failed():
            line |= {"answer": reply.code, "code": reply.code, "calls": len(reply.attempts)}
            line |= {"message": reply.message}
    tenant = codec.header(record.headers, codec.TENANT_HEADER)
    return line | {"id": reply.id, "trace": reply.trace_id, "tenant": tenant}


def _account(event: UsageEvent) -> dict[str, Any]:
    """billed: provider calls; output: their tokens, None if some were given up; event: its key."""
    whole = all(attempt.outcome == "ok" for attempt in event.attempts)
    output = sum(a.usage.output_total for a in event.attempts if a.usage is not None)
    return {
        # a run that failed, or broke its worker, has an event of its own
        "id": event.id.partition(":run-")[0].partition(ledger.BROKEN_RUN)[0],
        "tenant": event.tenant,
        "event": event_key(event),
        "billed": len(event.attempts),
        "output": output if whole else None,
        "done": event.outcome == "done",
    }


async def main(kafka: str, file: Path) -> None:
    """Reads until killed; a broker that is away is waited for."""
    consumer = AIOKafkaConsumer(
        topics.REPLIES,
        topics.DEAD_LETTERS,
        topics.USAGE,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        client_id="chaos-observer",
    )
    await consumer.start()
    streams = Streams()
    with file.open("a", encoding="utf-8") as out:
        while True:
            try:
                polled = await consumer.getmany(timeout_ms=1000)
            except KafkaError:
                await asyncio.sleep(_RETRY_S)
                continue
            for records in polled.values():
                _write(out, streams, records)


def _write(out: TextIO, streams: Streams, records: list[Any]) -> None:
    for raw in records:
        line = noted(to_record(raw), streams)
        if line is not None:
            out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
