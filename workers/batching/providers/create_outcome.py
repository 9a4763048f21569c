"""Create outcome: did a provider take a batch, by what it answered to the creation?

A status of 5xx, or no answer at all, is no refusal: providers have been seen to answer 500 after
they had accepted, and each repetition was one more batch to pay.
"""

import re
from typing import Final

from workers.batching.providers.adapter import CreateOutcome, NotCreated, Unclear
from workers.batching.providers.http_exchange import HttpAnswer, NoAnswer
from workers.batching.wires.batch_status import BatchRefusal
from workers.providers.base.call_outcome import (
    ContentFiltered,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRejected,
)

_SERVER_ERROR: Final = 500
_LONGEST: Final = 4_000
_INDEX: Final = re.compile(r"\brequests\.(\d{1,7})\.")
_LINE: Final = re.compile(r"\bline (\d{1,7})\b")
_LATER: Final = (RateLimited, RampTooFast, Overloaded, QuotaExhausted)


def not_created(answer: HttpAnswer | NoAnswer) -> CreateOutcome:
    """What an answer that isn't a batch says of the creation."""
    if isinstance(answer, NoAnswer):
        if answer.sent:
            return Unclear(answer.reason)
        return NotCreated(answer.reason, retry=True)
    if answer.failure is None or answer.status >= _SERVER_ERROR:
        return Unclear(f"HTTP {answer.status}")
    return _refused(answer.failure)


def not_uploaded(answer: HttpAnswer | NoAnswer) -> NotCreated:
    """What an answer that isn't a file says: a file alone costs nothing, so it is sent again."""
    if isinstance(answer, NoAnswer):
        return NotCreated(answer.reason, retry=True)
    if answer.failure is None or answer.status >= _SERVER_ERROR:
        return NotCreated(f"HTTP {answer.status}", retry=True)
    return _refused(answer.failure)


def _refused(failure: Failure) -> NotCreated:
    refusal = BatchRefusal(failure.code or "", failure.message, _lines(failure.message))
    if refusal.queue_is_full or isinstance(failure, _LATER):
        return NotCreated(failure.message, retry=True)
    # what is said of a key or a model is said of every batch
    of_its_requests = isinstance(failure, RequestRejected | ContextTooLong | ContentFiltered)
    return NotCreated(failure.message, retry=False, refusal=refusal if of_its_requests else None)


def _lines(message: str) -> tuple[int, ...]:
    """The lines that a message names, from 1: by their index among the requests, or by number."""
    by_index = (int(index) + 1 for index in _INDEX.findall(message[:_LONGEST]))
    by_number = (int(number) for number in _LINE.findall(message[:_LONGEST]))
    return tuple(sorted({*by_index, *by_number}))
