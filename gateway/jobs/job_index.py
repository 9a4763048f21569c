"""Job index: all files and jobs of the fleet, and the progress of each job, as Kafka tells them."""

from producers.contract import Done, Failed, codec
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import read_entry
from producers.jobs.progress import JobProgress
from producers.kafka.broker import Record


class JobIndex:
    """What this process has read of `llm.jobs` and of the replies to jobs."""

    def __init__(self) -> None:
        self.files: dict[str, FileRecord] = {}
        self.jobs: dict[str, JobRecord] = {}
        self._progress: dict[str, JobProgress] = {}

    def receive_entry(self, record: Record) -> None:
        """A record of `llm.jobs`; an empty one takes the entry away. Raises ValueError for junk."""
        key = (record.key or b"").decode(errors="replace")
        if not record.value:
            self.jobs.pop(key, None)
            self.files.pop(key, None)
            return
        match read_entry(record.value):
            case JobRecord() as job:
                self.jobs[job.id] = job
            case FileRecord() as file:
                self.files[file.id] = file
            case None:
                # of a newer version, or somebody else's: what is known stays
                raise ValueError("neither a file nor a job")

    def receive_reply(self, record: Record) -> None:
        """A record of the replies to jobs. Raises DecodeError."""
        job_id, _, _ = (codec.read_name(record.key) or "").rpartition("-")
        job = self.jobs.get(job_id)
        if job is None or codec.header(record.headers, codec.TENANT_HEADER) != job.tenant:
            return
        reply = codec.decode_reply(record.value)
        if isinstance(reply, Done | Failed):
            self.progress(job_id).add(job, reply, record.timestamp_ms)

    def progress(self, job_id: str) -> JobProgress:
        """The progress of a job; of one without replies, none."""
        return self._progress.setdefault(job_id, JobProgress())

    def job(self, tenant: str, job_id: str) -> JobRecord | None:
        """The tenant's own job of that id."""
        job = self.jobs.get(job_id)
        return job if job is not None and job.tenant == tenant else None

    def file(self, tenant: str, file_id: str) -> FileRecord | None:
        """The tenant's own file of that id."""
        file = self.files.get(file_id)
        return file if file is not None and file.tenant == tenant else None

    def jobs_of(self, tenant: str) -> list[JobRecord]:
        """The newest first."""
        own = [job for job in self.jobs.values() if job.tenant == tenant]
        return sorted(own, key=lambda job: job.created_ms, reverse=True)

    def files_of(self, tenant: str) -> list[FileRecord]:
        """The newest first."""
        own = [file for file in self.files.values() if file.tenant == tenant]
        return sorted(own, key=lambda file: file.created_ms, reverse=True)
