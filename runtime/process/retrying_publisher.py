"""Retrying publisher. How does a service publish when the broker is away for a while?

It waits and tries again, for as long as it takes: the record it serves isn't committed meanwhile,
so nothing is lost whichever ends first, the outage or the process. To write a record twice is
harmless, since every reader knows requests by their id.
"""

import logging
from collections.abc import Callable
from typing import Final

from observability.retry import RetryPolicy
from producers.kafka.broker import Outgoing, Publisher, PublishFailedError

_log: Final = logging.getLogger(__name__)
_WHILE_AWAY: Final = RetryPolicy(pause_s=0.5)


class RetryingPublisher:
    """A Publisher that gives up only on what can never succeed."""

    def __init__(
        self, publisher: Publisher, written: Callable[[Outgoing], None] = lambda _: None
    ) -> None:
        """written: hears of every record that the broker has taken."""
        self._publisher = publisher
        self._written = written

    async def publish(self, *outgoing: Outgoing) -> None:
        """Raises PublishFailedError only when it is permanent."""
        await _WHILE_AWAY.run(
            lambda: self._publisher.publish(*outgoing), transient=_transient, on_retry=_report
        )
        for record in outgoing:
            self._written(record)


def _transient(error: Exception) -> bool:
    return isinstance(error, PublishFailedError) and not error.permanent


def _report(error: Exception, _: float) -> None:
    _log.warning("%s; trying again", error)
