"""Primer: does a batch still wait for the one that writes its prefixes, and can it read them?"""

from typing import Final

from producers.contract.batch_record import BatchRecord

_WAIT_MS: Final = 30 * 60_000
_READABLE_MS: Final = 50 * 60_000
"""Of the hour for which a prefix is written: the batch has to begin within it."""


def waits_for_primer(record: BatchRecord, primer: BatchRecord | None, now_ms: float) -> bool:
    """Whether it isn't to be sent yet. primer: as it was written last; None: it is forgotten."""
    if record.primer is None or primer is None or now_ms >= record.formed_ms + _WAIT_MS:
        return False
    return primer.returned_ms is None and primer.state != "closed"


def marks_prefixes(record: BatchRecord, primer: BatchRecord | None, now_ms: float) -> bool:
    """Whether its requests are sent with breakpoints: to write, or since there is what to read."""
    if record.primer is None:
        return bool(record.prefixes)
    if primer is None or primer.ended_ms is None or not _has_written(primer):
        return False
    return now_ms < primer.ended_ms + _READABLE_MS


def _has_written(primer: BatchRecord) -> bool:
    """Each of its requests; a write that nobody can read would cost all others double."""
    return primer.state == "closed" and primer.answered >= primer.places > 0
