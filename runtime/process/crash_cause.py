"""Crash cause: what is told of a handler that broke, to the operator and to the sender.

A record that a topic never takes breaks whoever writes it, and is no fault of the program: who has
to mend it is told which topic, and why.
"""

from dataclasses import dataclass
from typing import Final

from producers.contract import FailureCode, topics
from producers.kafka.broker import PublishFailedError, WriteRefusal
from runtime.process.dead_letters import crash_detail

_KEPT: Final = "it lies in the dead-letter topic for the operator"


@dataclass(frozen=True, slots=True)
class CrashCause:
    """Why a request has no other ending."""

    code: FailureCode
    detail: str
    """For the operator; it quotes no prompt and no answer."""
    message: str
    """For the sender."""


def crash_cause(error: BaseException, broke: str) -> CrashCause:
    """broke: what the request broke, e.g. `its worker`, where that is all there is to say."""
    if isinstance(error, PublishFailedError) and error.refusal is not None:
        return CrashCause(_code(error.topic, error.refusal), str(error), f"{error}; {_KEPT}")
    message = f"the request broke {broke}; {_KEPT}"
    return CrashCause("internal_error", crash_detail(error), message)


def _code(topic: str, refusal: WriteRefusal) -> FailureCode:
    if topics.is_engines(topic):
        too_large = refusal is WriteRefusal.TOO_LARGE and topics.is_queue(topic)
        return "request_too_large" if too_large else "internal_error"
    return "answer_too_large" if refusal is WriteRefusal.TOO_LARGE else "reply_to_not_allowed"
