"""Job progress: which lines have their reply, how many failed, and what it has cost so far."""

from dataclasses import dataclass, field
from decimal import Decimal

from ..contract.job_record import JobRecord
from ..contract.reply import Done, Failed
from .lines import line_of_request


@dataclass(slots=True)
class JobProgress:
    """One job's replies so far. A bit for each line: a reply may come twice."""

    completed: int = 0
    failed: int = 0
    cost_micro_usd: Decimal = Decimal(0)
    baseline_micro_usd: Decimal = Decimal(0)
    last_ms: int = 0
    """When the last reply was written."""
    _seen: bytearray = field(default_factory=bytearray)

    def add(self, job: JobRecord, reply: Done | Failed, at_ms: int) -> bool:
        """Whether it is the first reply of one of the job's lines."""
        line = line_of_request(job, reply.id)
        if line is None or not self._mark(line):
            return False
        self.last_ms = max(self.last_ms, at_ms)
        if isinstance(reply, Done):
            self.completed += 1
            self.cost_micro_usd += reply.cost_micro_usd or 0
            self.baseline_micro_usd += reply.baseline_micro_usd or 0
        else:
            self.failed += 1
        return True

    @property
    def answered(self) -> int:
        """Lines with a reply."""
        return self.completed + self.failed

    def expected_cost(self, job: JobRecord) -> Decimal | None:
        """Micro-dollars of the whole job, by the lines so far; None: there are none."""
        if not self.completed or job.lines is None:
            return None
        return self.cost_micro_usd / self.completed * (job.lines - job.wrong)

    def expected_end_ms(self, job: JobRecord, now_ms: int) -> int | None:
        """When the last line has its reply at this pace; None: it can't be told yet."""
        if not self.answered or job.lines is None or self.answered >= job.lines - job.wrong:
            return None
        per_line = (self.last_ms - job.created_ms) / self.answered
        return now_ms + int(per_line * (job.lines - job.wrong - self.answered))

    def _mark(self, line: int) -> bool:
        byte, bit = divmod(line, 8)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1 - len(self._seen)))
        fresh = not self._seen[byte] & (1 << bit)
        self._seen[byte] |= 1 << bit
        return fresh


def ended(job: JobRecord, progress: JobProgress) -> bool:
    """Whether each line has its reply."""
    if job.problem:
        return True
    published = job.submitted_ms is not None and job.lines is not None
    if job.cancel_ms is not None and job.submitted_ms is None:
        return progress.answered >= job.published
    return published and progress.answered >= (job.lines or 0) - job.wrong
