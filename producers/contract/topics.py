"""Topic names, and the guard on reply topics: which of them may a tenant name?"""

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

REQUESTS: Final = "llm.requests"
REPLIES: Final = "llm.replies"
USAGE: Final = "llm.usage"
DEAD_LETTERS: Final = "llm.dlq"
CANCELLATIONS: Final = "llm.cancellations"
FEEDBACK: Final = "llm.feedback"
CACHE_INVALIDATIONS: Final = "llm.cache.invalidate"

_LEGAL_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_INTERNAL: Final = frozenset(
    {REQUESTS, USAGE, DEAD_LETTERS, CANCELLATIONS, FEEDBACK, CACHE_INVALIDATIONS}
)
_INTERNAL_PREFIXES: Final = ("llm.tier.", "llm.retry.", "__")


def tier_topic(tier: str, zone: str | None = None) -> str:
    """The queue of one tier's worker pool, or of its pool in one zone."""
    return f"llm.tier.{tier}" if zone is None else f"llm.tier.{tier}.{zone}"


def retry_topic_name(delay_ms: int) -> str:
    """The queue whose records become due `delay_ms` after they were written."""
    return f"llm.retry.{delay_ms}"


def retry_delay_ms(topic: str) -> int:
    """The delay of a retry topic."""
    return int(topic.rpartition(".")[2])


def is_retry_topic(topic: str) -> bool:
    """Whether its records wait until they are due."""
    return topic.startswith("llm.retry.")


def is_queue(topic: str) -> bool:
    """Whether requests wait on `topic` for the engine."""
    return topic == REQUESTS or topic.startswith(("llm.tier.", "llm.retry."))


def may_reply_to(topic: str, allowed: Iterable[str]) -> bool:
    """Whether answers may be written to `topic`.

    `allowed` holds shell patterns such as `team-a.replies.*`. A topic of the engine itself is
    refused whatever the patterns say: otherwise whoever can publish a request could write into
    the usage ledger or another pool's queue.
    """
    if topic in _INTERNAL or topic.startswith(_INTERNAL_PREFIXES):
        return False
    if _LEGAL_NAME.fullmatch(topic) is None or topic in {".", ".."}:
        return False
    return any(fnmatch.fnmatchcase(topic, pattern) for pattern in allowed)
