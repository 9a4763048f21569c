"""Failed reply: tells a sender why there is no answer, at the first address that takes it.

A topic may be gone, closed, or too small for the reply since it was looked at; a record whose
sender can't be told is done all the same.
"""

import logging
from collections.abc import Iterable
from typing import Final

from producers.contract import Failed
from producers.contract.codec import Headers
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Publisher, PublishFailedError
from runtime.process.reply_records import failed_record

_log: Final = logging.getLogger(__name__)


async def tell_failed(
    publisher: Publisher,
    failed: Failed,
    addresses: Iterable[ReplyAddress],
    *,
    tenant: str | None = None,
    trace: Headers = (),
) -> None:
    """Raises PublishFailedError only if it may pass."""
    for address in dict.fromkeys(addresses):
        try:
            await publisher.publish(failed_record(failed, address, tenant=tenant, trace=trace))
        except PublishFailedError as error:
            if not error.permanent:
                raise
            _log.warning("request %s: its sender can't be told: %s", failed.id, error)
        else:
            return
