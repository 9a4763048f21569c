"""Erasers: the cache, the recorded replies, the gateway's responses, the files, the ledger."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json
from redis.asyncio import Redis

from cache.commands.invalidate import invalidate_entries
from cache.identity.subject import user_tag
from cache.storage.batched_reads import BatchedReads
from cache.storage.store import EntryStore
from gateway.openai_responses.call import response_id
from gateway.stored_responses.store import response_key
from observability.evaluation.storage.evaluation_folder import EvaluationFolder
from observability.ledger.ledger import Ledger
from observability.ledger.schema import tags_json
from producers.contract import topics
from producers.contract.invalidation import Invalidation
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import ScanTopic, entries, file_pieces
from producers.kafka.broker import Outgoing, Publisher
from runtime.config.sections.cache import CacheSettings
from runtime.redis.pipelining import PipelineLane
from switchgear.personal_data.erasure import Erased, Person, lines_of
from workers.delivery.request_identity import record_keys

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class CacheEraser:
    """Answers that the person's requests bought."""

    redis: Redis
    settings: CacheSettings

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """As PersonEraser's."""
        if really:
            what = Invalidation(tenant=person.tenant, user=person.user)
            number = await invalidate_entries(self.redis, self.settings, what)
        else:
            reads = BatchedReads(self.redis, 1)
            store = EntryStore(PipelineLane(self.redis), reads, self.settings.key_prefix)
            number = len(await store.tagged(person.tenant, user_tag(person.user)))
        return Erased("cache", number, "answers with their questions and vectors")


@dataclass(frozen=True, slots=True)
class RedisEraser:
    """Replies that are recorded for repetitions, and the gateway's stored responses."""

    redis: Redis

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """As PersonEraser's."""
        keys = [
            key
            for request in sorted(person.requests)
            for key in (
                *record_keys(person.tenant, request),
                response_key(person.tenant, response_id(request)),
            )
        ]
        number = 0
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            command = self.redis.delete if really else self.redis.exists
            number += int(await command(*part))
        return Erased("recorded replies", number, "replies and stored responses in Redis")


@dataclass(frozen=True, slots=True)
class FileEraser:
    """Files of jobs. They hold others' lines too, so they go only where that is wanted."""

    scan: ScanTopic
    publisher: Publisher
    wanted: bool

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """As PersonEraser's; what is left over is named."""
        known = await entries(self.scan, person.tenant)
        jobs = [entry for entry in known.values() if isinstance(entry, JobRecord)]
        gone, words = 0, []
        for file in known.values():
            if not isinstance(file, FileRecord):
                continue
            number = await self._lines(file, person.user)
            if not number:
                continue
            if not self.wanted:
                words.append(f"{file.id} stays, {number} lines are the person's: --files")
            elif any(_open(job, file) for job in jobs):
                words.append(f"{file.id} stays, {number} lines: a job of it is being submitted")
            else:
                gone += 1
                words.append(f"{file.id} forgotten, {number} lines were the person's")
                if really:
                    await self.publisher.publish(Outgoing(topics.JOBS, b"", file.id.encode()))
        return Erased("files of jobs", gone, "; ".join(words) or "none has a line of the person's")

    async def _lines(self, file: FileRecord, user: str) -> int:
        number, rest = 0, b""
        async for piece in file_pieces(self.scan, file):
            whole, _, rest = (rest + piece).rpartition(b"\n")
            number += await asyncio.to_thread(lines_of, whole, user)
        return number + lines_of(rest, user)


def _open(job: JobRecord, file: FileRecord) -> bool:
    pending = job.submitted_ms is None and job.cancel_ms is None and not job.problem
    return job.input_file == file.id and pending


@dataclass(frozen=True, slots=True)
class LedgerEraser:
    """Rows stay, for they are money: tags that name the person go, and what leads to the text."""

    ledger: Ledger

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """As PersonEraser's."""
        number = await asyncio.to_thread(self._erase, person, really)
        words = "rows whose tags name the person: these tags go, costs stay; of them and of the"
        return Erased("ledger", number, f"{words} requests above prompt hashes and trace ids go")

    def _erase(self, person: Person, really: bool) -> int:
        with self.ledger.reading() as db:
            sets = db.rows(
                "SELECT CAST(tags AS VARCHAR), count(*) FROM usage WHERE tenant = $tenant"
                " GROUP BY CAST(tags AS VARCHAR)",
                {"tenant": person.tenant},
            )
        naming = {text: number for text, number in sets if _names(text, person)}
        if really:
            instead = dict(_without(text, person.user) for text in naming)
            self.ledger.forget(person.tenant, instead, sorted(person.requests))
        return sum(naming.values())


def _tags(text: str | None) -> Mapping[str, Any]:
    told = from_json(text) if text else {}
    return told if isinstance(told, Mapping) else {}


def _names(text: str | None, person: Person) -> bool:
    return person.user in _tags(text).values()


def _without(text: str, user: str) -> tuple[str, str]:
    return text, tags_json({name: value for name, value in _tags(text).items() if value != user})


@dataclass(frozen=True, slots=True)
class EvaluationEraser:
    """Cases of data sets that were sampled from the person's requests, and the answers to them."""

    folder: EvaluationFolder

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """As PersonEraser's."""
        if really:
            erased = await asyncio.to_thread(self.folder.erase, person.tenant, person.user)
            number = erased.cases
        else:
            number = await asyncio.to_thread(self.folder.count, person.tenant, person.user)
        return Erased("evaluations", number, f"cases below {self.folder.root}, with their answers")
