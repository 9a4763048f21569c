"""Create outcome: did a provider take a batch, by what it answered to the creation?

A status of 5xx, or no answer at all, is no refusal: providers have been seen to answer 500 after
they had accepted, and each repetition was one more batch to pay.
"""

from typing import Final

from workers.batching.providers.adapter import CreateOutcome, NotCreated, Unclear
from workers.batching.providers.http_exchange import HttpAnswer, NoAnswer
from workers.batching.wires.batch_status import BatchRefusal
from workers.providers.base.call_outcome import (
    Failure,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
)

_SERVER_ERROR: Final = 500
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
    full = BatchRefusal(failure.code or "", failure.message).queue_is_full
    later = full or isinstance(failure, _LATER)
    return NotCreated(failure.message, retry=later, queue_is_full=full)
