"""Topic names, and the guard on reply topics: which of them may a tenant name?"""

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

REQUESTS: Final = "llm.requests"
REPLIES: Final = "llm.replies"
STORED: Final = "llm.replies.stored"
"""Replies that nobody waits for, with the gateways' receipts of their requests."""
USAGE: Final = "llm.usage"
DEAD_LETTERS: Final = "llm.dlq"
CANCELLATIONS: Final = "llm.cancellations"
FEEDBACK: Final = "llm.feedback"
CACHE_INVALIDATIONS: Final = "llm.cache.invalidate"
JOBS: Final = "llm.jobs"
"""Compacted: files and jobs, by their ids."""
FILES: Final = "llm.files"
"""The bytes of files, in pieces under the file's id."""
JOB_REPLIES: Final = "llm.replies.jobs"
"""What the requests of jobs are answered by."""
EVALUATION_REPLIES: Final = "llm.replies.evaluations"
"""What the requests of evaluations are answered by."""
ROLLOUTS: Final = "llm.rollouts"
"""Compacted: the state of every rollout, by its name."""
BATCHES: Final = "llm.batches"
"""Compacted: the state of every batch at a provider, by the batch's key."""

BY_TENANT: Final = (REQUESTS, CANCELLATIONS, FEEDBACK, CACHE_INVALIDATIONS)
"""What tenants write. Each may have a topic of its own for a tenant, `<topic>.<tenant>`."""

_LEGAL_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_TENANT_IN_TOPIC: Final = re.compile(r"[a-zA-Z0-9_-]{1,200}")
_BATCH: Final = "llm.batch"
_ENGINE: Final = "llm."
"""Every topic of the engine begins so."""


def tenant_topic(topic: str, tenant: str) -> str:
    """The tenant's own topic beside a shared one. Raises ValueError for a name that can't be in it.

    A dot would let tenant `a` into the topics of `a.b`, by the same rule of an ACL.
    """
    if _TENANT_IN_TOPIC.fullmatch(tenant) is None:
        raise ValueError(
            f"tenant {tenant!r} can't have topics of its own: letters, digits, _ and - only"
        )
    return f"{topic}.{tenant}"


def tenant_of_topic(topic: str, shared: str) -> str | None:
    """Whose own topic beside `shared` it is; None for another topic."""
    tenant = topic.removeprefix(f"{shared}.")
    return tenant if tenant != topic and _TENANT_IN_TOPIC.fullmatch(tenant) else None


def is_beside(topic: str, shared: str) -> bool:
    """Whether `topic` is the shared one, or lies beside it."""
    return topic == shared or topic.startswith(f"{shared}.")


def with_tenant_topics(*topics: str) -> str:
    """A regular expression of `topics`, and of each tenant's own beside those of `BY_TENANT`."""
    own = rf"(\.{_TENANT_IN_TOPIC.pattern})?"
    names = (re.escape(topic) + (own if topic in BY_TENANT else "") for topic in topics)
    return f"^({'|'.join(names)})$"


def tier_topic(tier: str, zone: str | None = None) -> str:
    """The queue of one tier's worker pool, or of its pool in one zone."""
    return f"llm.tier.{tier}" if zone is None else f"llm.tier.{tier}.{zone}"


def batch_topic(zone: str | None = None) -> str:
    """The queue of requests that wait for a provider's batch, or of those bound to one zone."""
    return _BATCH if zone is None else f"{_BATCH}.{zone}"


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
    shared = topic == REQUESTS or tenant_of_topic(topic, REQUESTS) is not None
    prefixes = "llm.tier.", "llm.retry.", f"{_BATCH}."
    return shared or topic == _BATCH or topic.startswith(prefixes)


def is_engines(topic: str) -> bool:
    """Whether `topic` belongs to the engine; those for replies are their readers'."""
    for_replies = topic == REPLIES or topic.startswith(f"{REPLIES}.")
    return topic.startswith(_ENGINE) and not for_replies


def may_reply_to(topic: str, allowed: Iterable[str]) -> bool:
    """Whether answers may be written to `topic`.

    `allowed` holds shell patterns such as `team-a.replies.*`. A topic of the engine itself is
    refused whatever the patterns say: otherwise whoever can publish a request could write into
    the usage ledger or another pool's queue.
    """
    if topic.startswith("__") or is_engines(topic):
        return False
    if _LEGAL_NAME.fullmatch(topic) is None or topic in {".", ".."}:
        return False
    return any(fnmatch.fnmatchcase(topic, pattern) for pattern in allowed)
