"""Records of the contract, with who writes each and who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from gateway.stored_requests.receipt import Receipt
from producers.contract import Chunk, Done, Failed, Reply, Request, TaggedRequest, UsageEvent
from producers.contract.batch_record import BatchRecord
from producers.contract.feedback import Feedback
from producers.contract.invalidation import Invalidation
from producers.contract.job_record import FileRecord, JobRecord

Between: TypeAlias = Literal["callers to engine", "engine to callers", "engine to engine"]


@dataclass(frozen=True, slots=True)
class ContractRecord:
    """One kind of record."""

    model: Any
    """A pydantic model, or a union of some."""

    between: Between
    """Who writes it to whom. The engine's own lie in topics while its processes are replaced, so
    that each of two versions reads what the other wrote."""


RECORDS: Final[Mapping[str, ContractRecord]] = {
    "request": ContractRecord(Request, "callers to engine"),
    "feedback": ContractRecord(Feedback, "callers to engine"),
    "invalidation": ContractRecord(Invalidation, "callers to engine"),
    "reply": ContractRecord(Reply, "engine to callers"),
    "chunk": ContractRecord(Chunk, "engine to callers"),
    "done": ContractRecord(Done, "engine to callers"),
    "failed": ContractRecord(Failed, "engine to callers"),
    "usage-event": ContractRecord(UsageEvent, "engine to engine"),
    "tagged-request": ContractRecord(TaggedRequest, "engine to engine"),
    "batch-record": ContractRecord(BatchRecord, "engine to engine"),
    "file-record": ContractRecord(FileRecord, "engine to engine"),
    "job-record": ContractRecord(JobRecord, "engine to engine"),
    "receipt": ContractRecord(Receipt, "engine to engine"),
}
