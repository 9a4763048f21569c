"""Job index: files and jobs of the fleet, and each job's progress, as Kafka tells them.

What is past its retention is forgotten, and beyond the limits the oldest of the tenant that has the
most: a gateway's memory is the same whatever was ever uploaded.
"""

import time
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from types import MappingProxyType
from typing import Final

from producers.contract import Done, Failed, codec
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import Entry, read_entry
from producers.jobs.progress import JobProgress
from producers.jobs.submission import LONGEST_WINDOW_MS
from producers.kafka.broker import Record
from runtime import limits

KEPT_MS: Final = 30 * 86_400_000
"""A file is known for so long, and a job for as long after its window."""
_OBJECT_BYTES: Final = 2_000
"""Of an entry, beside its texts."""


def _clock_ms() -> int:
    return int(time.time() * 1000)


class JobIndex:
    """What this process has read of `llm.jobs` and of the replies to jobs.

    now_ms: Unix milliseconds.
    """

    def __init__(self, now_ms: Callable[[], int] = _clock_ms) -> None:
        self._now_ms = now_ms
        self._files: dict[str, FileRecord] = {}
        self._jobs: dict[str, JobRecord] = {}
        self._progress: dict[str, JobProgress] = {}
        self._held: dict[str, dict[str, int]] = {}
        """By tenant, the bytes of each of its entries, the oldest first."""
        self._bytes: dict[str, int] = {}
        """By tenant, of all its entries."""
        self.size = 0
        """Bytes that all entries take, about."""
        self._ends: list[tuple[int, str]] = []
        """A heap of when each is to be forgotten; it may name some that are gone."""
        self.jobs: Final[Mapping[str, JobRecord]] = MappingProxyType(self._jobs)
        self.files: Final[Mapping[str, FileRecord]] = MappingProxyType(self._files)

    def receive_entry(self, record: Record) -> None:
        """A record of `llm.jobs`; an empty one takes the entry away. Raises ValueError for junk."""
        if not record.value:
            self.forget((record.key or b"").decode(errors="replace"))
            return
        entry = read_entry(record.value)
        if entry is None:
            # of a newer version, or somebody else's: what is known stays
            raise ValueError("neither a file nor a job")
        self.keep(entry)

    def keep(self, entry: Entry) -> None:
        """A file or a job as it is now. A cancelled job stays so, whatever its submission says."""
        known = self._jobs.get(entry.id) or self._files.get(entry.id)
        if known is not None and known.tenant != entry.tenant:
            return  # ids are ours, and drawn: another tenant's is no job of that name
        ends_ms = _ends_ms(entry, self._now_ms())
        if ends_ms <= self._now_ms():
            self.forget(entry.id)
            return
        match entry:
            case JobRecord():
                was = self._jobs.get(entry.id)
                if was is not None and was.cancel_ms is not None and entry.cancel_ms is None:
                    entry = entry.model_copy(update={"cancel_ms": was.cancel_ms})
                self._jobs[entry.id] = entry
            case FileRecord():
                self._files[entry.id] = entry
        size = _size_of(entry)
        own = self._held.setdefault(entry.tenant, {})
        more = size - own.get(entry.id, 0)
        self._bytes[entry.tenant] = self._bytes.get(entry.tenant, 0) + more
        self.size += more
        if known is None:
            heappush(self._ends, (ends_ms, entry.id))
        own[entry.id] = size
        self._keep_within_limits()

    def forget(self, name: str) -> None:
        """The file or the job with this id, and all that is known of it."""
        entry = self._jobs.pop(name, None) or self._files.pop(name, None)
        self._progress.pop(name, None)
        if entry is None:
            return
        own = self._held[entry.tenant]
        size = own.pop(name)
        self.size -= size
        self._bytes[entry.tenant] -= size
        if not own:
            del self._held[entry.tenant], self._bytes[entry.tenant]

    def forget_old(self) -> None:
        """What is past its retention."""
        now_ms = self._now_ms()
        while self._ends and self._ends[0][0] <= now_ms:
            self.forget(heappop(self._ends)[1])

    def receive_reply(self, record: Record) -> None:
        """A record of the replies to jobs. Raises DecodeError."""
        job_id, _, _ = (codec.read_name(record.key) or "").rpartition("-")
        job = self._jobs.get(job_id)
        if job is None or codec.header(record.headers, codec.TENANT_HEADER) != job.tenant:
            return
        reply = codec.decode_reply(record.value)
        if isinstance(reply, Done | Failed):
            progress = self._progress.setdefault(job_id, JobProgress())
            progress.add(job, reply, record.timestamp_ms)

    def progress(self, job_id: str) -> JobProgress:
        """The progress of a job; of one without replies, none."""
        return self._progress.get(job_id) or JobProgress()

    def job(self, tenant: str, job_id: str) -> JobRecord | None:
        """The tenant's own job of that id."""
        self.forget_old()
        job = self._jobs.get(job_id)
        return job if job is not None and job.tenant == tenant else None

    def file(self, tenant: str, file_id: str) -> FileRecord | None:
        """The tenant's own file of that id."""
        self.forget_old()
        file = self._files.get(file_id)
        return file if file is not None and file.tenant == tenant else None

    def jobs_of(self, tenant: str) -> list[JobRecord]:
        """The newest first."""
        self.forget_old()
        own = [self._jobs[name] for name in self._held.get(tenant, ()) if name in self._jobs]
        return sorted(own, key=lambda job: job.created_ms, reverse=True)

    def files_of(self, tenant: str) -> list[FileRecord]:
        """The newest first."""
        self.forget_old()
        own = [self._files[name] for name in self._held.get(tenant, ()) if name in self._files]
        return sorted(own, key=lambda file: file.created_ms, reverse=True)

    def _keep_within_limits(self) -> None:
        most, most_bytes = limits.KNOWN_JOBS.value, limits.KNOWN_JOBS_SIZE.value
        if len(self._jobs) + len(self._files) > most or self.size > most_bytes:
            self.forget_old()
        while len(self._jobs) + len(self._files) > most or self.size > most_bytes:
            largest = max(self._bytes, key=self._bytes.__getitem__)
            own = self._held[largest]
            # a few at once: the largest is looked for among all tenants
            for name in list(own)[: 1 + len(own) // 16]:
                self.forget(name)
        if len(self._ends) > 2 * (len(self._jobs) + len(self._files)) + 1_000:
            self._ends = [
                each for each in self._ends if each[1] in self._jobs or each[1] in self._files
            ]
            heapify(self._ends)


def _ends_ms(entry: Entry, now_ms: int) -> int:
    """When it is forgotten. A moment to come, whoever says it, is no later than now."""
    created_ms = min(entry.created_ms, now_ms)
    match entry:
        case JobRecord(deadline_ms=deadline_ms):
            return min(deadline_ms, created_ms + LONGEST_WINDOW_MS) + KEPT_MS
        case FileRecord():
            return created_ms + KEPT_MS


def _size_of(entry: Entry) -> int:
    """Bytes in memory, about; of a job, with a bit for each of its lines."""
    match entry:
        case JobRecord(metadata=metadata, lines=lines):
            texts = sum(len(name) + len(value) + 100 for name, value in metadata.items())
            return _OBJECT_BYTES + 4 * texts + min(lines or 0, limits.JOB_LINES.value) // 8
        case FileRecord(filename=filename):
            return _OBJECT_BYTES + 4 * len(filename)
