"""Job records: files and jobs, as they lie in `llm.jobs` under their ids."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from .message import Message, Name

JobId: TypeAlias = Annotated[str, Field(pattern=r"^batch_[0-9a-f]{24}$")]
FileId: TypeAlias = Annotated[str, Field(pattern=r"^file-[0-9a-f]{24}$")]


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

    size: int
    """Bytes."""

    pieces: int
    """Records in `llm.files`."""

    created_ms: int
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

    created_ms: int
    """When it was asked for."""

    deadline_ms: int
    """When what isn't answered fails."""

    lines: int | None = None
    """Of the file, the wrong ones included; null until it was read."""

    wrong: int = 0
    """Lines that are no requests: each becomes a line of the error file."""

    published: int = 0
    """Lines that are with Kafka, at least."""

    submitted_ms: int | None = None
    """When all of them were."""

    cancel_ms: int | None = None
    """When it was cancelled."""

    problem: str = ""
    """Why it can't be done at all."""

    by: Literal["gateway", "command"] = "gateway"
    """Who publishes its lines."""

    def request_id(self, line: int) -> str:
        """The id of a line's request: the caller's own id is never sent on."""
        return f"{self.id}-{line}"
