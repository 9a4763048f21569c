"""Mistral's batch jobs: lines without a method, states in capitals, OpenAI's shape of results.

Read in Mistral's client and documentation, 2026-11-26. The model belongs to the job.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from workers.batching.wires import openai_batches
from workers.batching.wires.batch_status import (
    BatchRefusal,
    BatchStatus,
    ProviderState,
    number,
    text,
)
from workers.providers.base.json_values import mapping_of

_ENDED: Final = {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"}

mistral_result = openai_batches.openai_result


def mistral_line(custom_id: str, body: bytes) -> bytes:
    """One line of the input file: the model is said once, by the job."""
    fields = from_json(body)
    fields.pop("model", None)
    return to_json({"custom_id": custom_id, "body": fields})


def mistral_creation(file_id: str, key: str, model: str, window_h: int) -> dict[str, Any]:
    """What creates the job of an uploaded file."""
    return {
        "input_files": [file_id],
        "endpoint": "/v1/chat/completions",
        "model": model,
        "metadata": {openai_batches.MARK: key},
        "timeout_hours": window_h,
    }


def mistral_status(body: Mapping[str, Any]) -> BatchStatus:
    """A job as the interface tells it; an unknown state is still running."""
    word = text(body.get("status"))
    files = tuple(
        name for name in (text(body.get("output_file")), text(body.get("error_file"))) if name
    )
    state: ProviderState = "ended" if word in _ENDED else "running"
    if word == "FAILED" and not files:
        state = "refused"
    problems = body.get("errors")
    first = mapping_of(problems[0]) if isinstance(problems, list) and problems else {}
    return BatchStatus(
        id=text(body.get("id")),
        state=state,
        word=word,
        mark=text(mapping_of(body.get("metadata")).get(openai_batches.MARK)) or None,
        created_s=number(body.get("created_at")) or None,
        requests=number(body.get("total_requests")),
        done=number(body.get("completed_requests")),
        results=files,
        refusal=BatchRefusal("", text(first.get("message"), 400)) if first else None,
    )
