"""OpenAI's and Azure's batches: lines of a file, states, and the output and error files.

Read in openai-python's types and the Batch guides of both, 2026-11-26.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from workers.batching.wires.batch_status import (
    BatchRefusal,
    BatchStatus,
    ItemAnswered,
    ItemFailed,
    ItemUndone,
    ProviderState,
    ResultLine,
    UnreadableLine,
    number,
    text,
)
from workers.providers.base.json_values import json_of, mapping_of

MARK: Final = "switchgear"
"""The key of ours in a batch's metadata."""
_OK: Final = 200
_MOST_PROBLEMS: Final = 1_000
_ENDED: Final = {"completed", "expired", "cancelled", "failed"}


def openai_line(custom_id: str, body: bytes, url: str) -> bytes:
    """One line of the input file, without its line end. body: JSON, so without line ends."""
    head = to_json({"custom_id": custom_id, "method": "POST", "url": url})
    return b'%b,"body":%b}' % (head[:-1], body)


def input_file_name(key: str) -> str:
    """OpenAI wants the extension."""
    return f"switchgear-{key}.jsonl"


def openai_creation(file_id: str, key: str, url: str, window_h: int) -> dict[str, Any]:
    """What creates the batch of an uploaded file."""
    return {
        "input_file_id": file_id,
        "endpoint": url,
        "completion_window": f"{window_h}h",
        "metadata": {MARK: key},
    }


def openai_status(body: Mapping[str, Any]) -> BatchStatus:
    """A batch as the interface tells it; an unknown state is still running."""
    word, counts = text(body.get("status")), mapping_of(body.get("request_counts"))
    # a failed or cancelled one may have output, a completed one may have none
    files = tuple(
        name for name in (text(body.get("output_file_id")), text(body.get("error_file_id"))) if name
    )
    refusal = _refusal(body)
    state: ProviderState = "ended" if word in _ENDED else "running"
    if word == "failed" and not files:
        state = "refused"
    return BatchStatus(
        id=text(body.get("id")),
        state=state,
        word=word,
        mark=text(mapping_of(body.get("metadata")).get(MARK)) or None,
        created_s=number(body.get("created_at")) or None,
        requests=number(counts.get("total")),
        done=number(counts.get("completed")) + number(counts.get("failed")),
        results=files,
        refusal=refusal,
    )


def openai_result(line: bytes) -> ResultLine:
    """One line of the output or the error file. Never raises."""
    try:
        read = mapping_of(json_of(line))
    except ValueError:
        return UnreadableLine()
    custom_id = read.get("custom_id")
    if not isinstance(custom_id, str):
        return UnreadableLine()
    response, error = mapping_of(read.get("response")), mapping_of(read.get("error"))
    status = number(response.get("status_code"))
    if status == _OK:
        return ItemAnswered(custom_id, to_json(response.get("body")))
    if not response or not status:
        # expired and cancelled ones; and those of status 0 with neither body nor error
        return ItemUndone(custom_id, text(error.get("code")) or "no answer")
    return ItemFailed(custom_id, status, to_json(response.get("body")))


def _refusal(body: Mapping[str, Any]) -> BatchRefusal | None:
    listed = mapping_of(body.get("errors")).get("data")
    problems = [mapping_of(each) for each in listed] if isinstance(listed, list) else []
    first = problems[0] if problems else {}
    if not first:
        return None
    lines = (number(problem.get("line")) for problem in problems[:_MOST_PROBLEMS])
    return BatchRefusal(
        text(first.get("code")),
        text(first.get("message"), 400),
        tuple(line for line in lines if line),
    )
