"""Next deed for a batch: send, look it up, poll, cancel, read, return its requests, forget.

What can cost money twice is decided by time alone. Whoever wants to send writes until when it will
do so; after that moment nobody sends on the strength of that record, and who takes the batch over
looks at the provider first. So two processes that both think they own a batch don't both pay.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from producers.contract.batch_record import BatchRecord
from workers.batching.gathering.turn_back import TurnBackRules, cancel_at, return_at


class Deed(Enum):
    """What is to be done next."""

    SEND = auto()
    LOOK_UP = auto()
    POLL = auto()
    CANCEL = auto()
    RETURN = auto()
    READ = auto()
    FORGET = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class BatchRules:
    """Times in seconds."""

    turn_back: TurnBackRules
    window_s: float = 86_400.0
    look_after_s: float = 60.0
    """After the end of a sending: until then a provider's list may not show a new batch."""
    poll_s: float = 60.0
    slow_poll_s: float = 300.0
    """From an hour after the submission on."""


_HOUR_S = 3600.0


def next_deed(record: BatchRecord, rules: BatchRules, now_ms: float) -> Deed:
    """What to do at `now_ms` (Unix milliseconds)."""
    if record.state not in {"ended", "closed"} and _must_return(record, rules, now_ms):
        return Deed.RETURN
    match record.state:
        case "formed":
            return Deed.SEND if now_ms >= record.not_before_ms else Deed.NOTHING
        case "submitting":
            looks_from = record.submit_until_ms + rules.look_after_s * 1000
            return Deed.LOOK_UP if now_ms >= looks_from else Deed.NOTHING
        case "submitted":
            return _submitted(record, rules, now_ms)
        case "ended":
            return _ended(record, rules, now_ms)
        case "closed":
            return Deed.FORGET
        case _:
            assert_never(record.state)


def is_last_moment(record: BatchRecord, rules: BatchRules, now_ms: float) -> bool:
    """Whether half of the margin is gone before its results could be read."""
    return _must_return(record, rules, now_ms - rules.turn_back.margin_s * 500)


def _submitted(record: BatchRecord, rules: BatchRules, now_ms: float) -> Deed:
    if record.cancel_ms is None and not record.unproven and _must_cancel(record, rules, now_ms):
        return Deed.CANCEL
    young = record.submitted_ms is None or now_ms - record.submitted_ms < _HOUR_S * 1000
    # a batch that was cancelled for its deadline is wanted back at once
    pause_s = rules.poll_s if young or record.cancel_ms is not None else rules.slow_poll_s
    return Deed.POLL if now_ms - record.polled_ms >= pause_s * 1000 else Deed.NOTHING


def _ended(record: BatchRecord, rules: BatchRules, now_ms: float) -> Deed:
    # it is paid for, so reading is tried before anything is called a second time
    if now_ms >= record.not_before_ms:
        return Deed.READ
    return Deed.RETURN if _must_return(record, rules, now_ms) else Deed.NOTHING


def _must_return(record: BatchRecord, rules: BatchRules, now_ms: float) -> bool:
    if record.deadline_ms is None or record.returned_ms is not None:
        return False
    at_s = return_at(record.deadline_ms / 1000, _tokens(record), rules.turn_back)
    return now_ms >= at_s * 1000


def _must_cancel(record: BatchRecord, rules: BatchRules, now_ms: float) -> bool:
    """Before its deadline; without one, when it has taken twice its window."""
    if record.deadline_ms is not None:
        at_s = cancel_at(record.deadline_ms / 1000, _tokens(record), rules.turn_back)
        if now_ms >= at_s * 1000:
            return True
    overdue_ms = (record.submitted_ms or now_ms) + 2 * rules.window_s * 1000
    return now_ms >= overdue_ms


def _tokens(record: BatchRecord) -> int:
    return record.prompt_tokens + record.output_tokens
