"""Job records: files and jobs, as they lie in `llm.jobs` under their ids."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from .message import Message, Name

JobId: TypeAlias = Annotated[str, Field(pattern=r"^batch_[0-9a-f]{24}$")]
FileId: TypeAlias = Annotated[str, Field(pattern=r"^file-[0-9a-f]{24}$")]
Moment: TypeAlias = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
"""Unix milliseconds, until the year 9999."""
Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53)]


class FileRecord(Message):
    """One uploaded file. Its bytes lie in `llm.files`, in pieces under its id."""

    type: Literal["file"] = "file"
    id: FileId
    """The file."""

    tenant: Name
    """Who uploaded it."""

    filename: Annotated[str, Field(max_length=512)]
    """As the caller named it."""

    purpose: str = "batch"
    """What it is for."""

    size: Count
    """Bytes."""

    pieces: Count
    """Records in `llm.files`."""

    created_ms: Moment
    """Unix milliseconds."""


class JobRecord(Message):
    """One job: a file of requests under one id. Times: Unix milliseconds."""

    type: Literal["job"] = "job"
    id: JobId
    """The job; its requests' ids begin with it."""

    tenant: Name
    """Who pays."""

    input_file: FileId
    """The requests, a line each, in OpenAI's batch format."""

    endpoint: str = "/v1/chat/completions"
    """The interface that the lines are written for."""

    window: str = "24h"
    """Until when answers are wanted, as the caller said it."""

    metadata: dict[str, str] = Field(default_factory=dict)
    """The caller's own."""

    created_ms: Moment
    """When it was asked for."""

    deadline_ms: Moment
    """When what isn't answered fails."""

    lines: Count | None = None
    """Of the file, the wrong ones included; null until it was read."""

    wrong: Count = 0
    """Lines that are no requests: each becomes a line of the error file."""

    published: Count = 0
    """Lines that are with Kafka, at least."""

    submitted_ms: Moment | None = None
    """When all of them were."""

    cancel_ms: Moment | None = None
    """When it was cancelled."""

    problem: str = ""
    """Why it can't be done at all."""

    by: Literal["gateway", "command"] = "gateway"
    """Who publishes its lines."""

    def request_id(self, line: int) -> str:
        """The id of a line's request: the caller's own id is never sent on."""
        return f"{self.id}-{line}"
