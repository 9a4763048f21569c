"""Webhook notice: what an endpoint is told, and the record of an attempt to tell it."""

import json
from hashlib import blake2b
from typing import Final, Literal, TypeAlias

from producers.contract import Done, Failed, Message, Name
from producers.contract.codec import MAX_MESSAGE_VALUES
from producers.json_values import too_many_values

NOTICE_PREFIX: Final = b'{"type":"notice"'
NoticeOutcome: TypeAlias = Literal["failed", "delivered", "gave_up"]


class NoticeAttempt(Message):
    """One attempt, as a record of the stored requests' topic."""

    type: Literal["notice"] = "notice"
    id: Name
    """The request's."""

    tenant: Name
    endpoint: str
    attempt: int
    """From 1."""

    outcome: NoticeOutcome
    status: int | None = None
    """HTTP's; null: there was no response."""

    due_ms: int | None = None
    """Unix milliseconds of the next attempt; null: there is none."""


def read_attempt(value: bytes) -> NoticeAttempt:
    """The attempt in a record's value. Raises ValueError."""
    if too_many_values(value, MAX_MESSAGE_VALUES):
        raise ValueError(f"a notice of more than {MAX_MESSAGE_VALUES:,} values")
    return NoticeAttempt.model_validate_json(value)


def notice_id_of(tenant: str, request_id: str, created_ms: int, endpoint: str) -> str:
    """The same on every attempt, by which an endpoint knows a repetition.

    created_ms: when the request was taken; taken again after a failure, it has another end.
    """
    parts = f"{tenant}\0{request_id}\0{created_ms}\0{endpoint}".encode()
    return f"msg_{blake2b(parts, digest_size=16).hexdigest()}"


def notice_body(notice_id: str, request_id: str, reply: Done | Failed, ended_ms: int) -> bytes:
    """The notice: which request has ended, and how. Its answer is fetched."""
    match reply:
        case Done():
            kind = "response.completed"
        case Failed(code="cancelled"):
            kind = "response.cancelled"
        case Failed():
            kind = "response.failed"
    return json.dumps(
        {
            "id": notice_id.replace("msg_", "evt_"),
            "object": "event",
            "created_at": ended_ms // 1000,
            "type": kind,
            "data": {"id": request_id},
        },
        separators=(",", ":"),
    ).encode()
