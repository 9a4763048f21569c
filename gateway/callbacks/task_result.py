"""Task result: a reply as the outcome of a Step Functions task that waits with a token."""

import json
from dataclasses import dataclass
from typing import Final, TypeAlias

from producers.contract import Done, Failed

MOST_OUTPUT: Final = 262_144
"""Bytes of UTF-8; Step Functions fails the state for more, so it is looked at here."""
_MOST_ERROR: Final = 256
_MOST_CAUSE: Final = 32_768


@dataclass(frozen=True, slots=True)
class TaskSuccess:
    """output: JSON."""

    output: str


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """error: `Switchgear.<code>`, for a state's `Retry` and `Catch`."""

    error: str
    cause: str


TaskResult: TypeAlias = TaskSuccess | TaskFailure


def task_result(reply: Done | Failed) -> TaskResult:
    """What the state machine is told. Too large an answer is a failure that names its id."""
    if isinstance(reply, Failed):
        return TaskFailure(f"Switchgear.{reply.code}"[:_MOST_ERROR], reply.message[:_MOST_CAUSE])
    told = {
        "id": reply.id,
        "body": reply.body,
        "tier": reply.route.tier,
        "model": reply.route.model,
        "cost_micro_usd": None if reply.cost_micro_usd is None else str(reply.cost_micro_usd),
        "trace_id": reply.trace_id,
    }
    output = json.dumps(told, ensure_ascii=False)
    size = len(output.encode("utf-8", "replace"))
    if size > MOST_OUTPUT:
        cause = f"request {reply.id}: the answer has {size} bytes, at most {MOST_OUTPUT} are taken"
        return TaskFailure("Switchgear.answer_too_large", cause)
    return TaskSuccess(output)
