"""Retry topics: the delays there are, and the one that fits a wait."""

from typing import Final

from producers.contract import topics

DELAYS_MS: Final = (1_000, 10_000, 60_000, 600_000)
"""The retry topics: within one, records come due nearly in the order they lie."""


def retry_topic(seconds: float) -> str:
    """The shortest delay that is no shorter than `seconds`, else the longest there is."""
    fitting = (delay for delay in DELAYS_MS if delay >= seconds * 1000)
    return topics.retry_topic_name(next(fitting, DELAYS_MS[-1]))
