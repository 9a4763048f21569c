"""Anthropic's message batches: one creation with all requests, and a stream of results.

Read in anthropic-sdk-python's types and Claude's batch guide, 2026-11-26. A batch carries no mark
of ours, and its requests' ids are told only with their results.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from workers.batching.wires.batch_status import (
    BatchStatus,
    ItemAnswered,
    ItemFailed,
    ItemUndone,
    ResultLine,
    UnreadableLine,
    iso_seconds,
    number,
    text,
)
from workers.providers.base.json_values import json_of, mapping_of

_COUNTS: Final = ("processing", "succeeded", "errored", "canceled", "expired")
_STATUS_OF: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


def anthropic_line(custom_id: str, params: bytes) -> bytes:
    """One request of the creation. params: the body of a call of the messages interface."""
    return b'{"custom_id":%b,"params":%b}' % (to_json(custom_id), params)


def anthropic_creation(lines: Iterable[bytes]) -> bytes:
    """The body that creates a batch."""
    return b'{"requests":[%b]}' % b",".join(lines)


def anthropic_status(body: Mapping[str, Any]) -> BatchStatus:
    """A batch as the interface tells it: also a cancelled or expired one is `ended`."""
    word, counts = text(body.get("processing_status")), mapping_of(body.get("request_counts"))
    numbers = {name: number(counts.get(name)) for name in _COUNTS}
    total, url = sum(numbers.values()), text(body.get("results_url"), 2_000)
    ended = word == "ended"
    return BatchStatus(
        id=text(body.get("id")),
        state="ended" if ended else "running",
        word=word,
        created_s=iso_seconds(body.get("created_at")),
        requests=total,
        done=total - numbers["processing"],
        results=(url,) if url else (),
    )


def anthropic_result(line: bytes) -> ResultLine:
    """One line of the results. Never raises."""
    try:
        read = mapping_of(json_of(line))
    except ValueError:
        return UnreadableLine()
    custom_id, result = read.get("custom_id"), mapping_of(read.get("result"))
    if not isinstance(custom_id, str):
        return UnreadableLine()
    match result.get("type"):
        case "succeeded":
            return ItemAnswered(custom_id, to_json(result.get("message")))
        case "errored":
            # the error is wrapped as a call's error response is
            told = mapping_of(result.get("error"))
            kind = text((mapping_of(told.get("error")) or told).get("type"))
            return ItemFailed(custom_id, _STATUS_OF.get(kind, 500), to_json(told))
        case other:
            return ItemUndone(custom_id, text(other) or "no answer")
