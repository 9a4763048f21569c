"""Access rules: which principal may do what on which topic and group, as Kafka's ACLs put it.

A prefix ends with its dot: without it `acme` would have `acme-two`'s topics too.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from producers.contract import topics
from runtime.config.catalog import STRANGERS, Catalog

Operation: TypeAlias = Literal["Read", "Write", "Describe", "Create", "Alter"]
Resource: TypeAlias = Literal["Topic", "Group", "Cluster"]
_GROUPS: Final = "switchgear-"
_CLUSTER: Final = "kafka-cluster"
_ROUTER_GROUP: Final = "switchgear-router"
_TIERS: Final = "llm.tier."
_RETRIES: Final = "llm.retry."
_BOTH: Final[tuple[Operation, ...]] = ("Read", "Write")
_READ_BY_PROCESSES: Final = (topics.STORED, topics.JOB_REPLIES, topics.EVALUATION_REPLIES)
"""Replies of every tenant: one may be answered there, and read nothing."""
_SHARED_REPLIES: Final = (topics.REPLIES, *_READ_BY_PROCESSES)
_CONTROL: Final = (topics.CANCELLATIONS, topics.FEEDBACK, topics.CACHE_INVALIDATIONS)


class UnruledTopicError(ValueError):
    """A tenant's name or its reply topics can't be put into ACLs."""


@dataclass(frozen=True, slots=True, order=True)
class AccessRule:
    """One thing that one principal may do."""

    principal: str
    """As Kafka knows it, `User:router`."""
    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False
    """Whether the name is the beginning of many, and ends with its separator."""


def access_rules(catalog: Catalog, user_prefix: str = "") -> Iterator[AccessRule]:
    """The rules of every role, and of each configured tenant.

    user_prefix: goes before a tenant's name in its user's. Raises UnruledTopicError.
    """
    for role, rights in _OF_PROCESSES.items():
        yield from _distinct(rights(catalog), f"User:{role}")
    for tenant in catalog.tenants:
        if tenant != STRANGERS:
            user = f"User:{user_prefix}{tenant}"
            yield from _distinct(_of_tenant(tenant, catalog), user)


_Right: TypeAlias = tuple[Operation, Resource, str, bool]


def _distinct(rights: Iterator[_Right], principal: str) -> Iterator[AccessRule]:
    for operation, resource, name, prefixed in dict.fromkeys(rights):
        yield AccessRule(principal, operation, resource, name, prefixed)


def _of_tenant(tenant: str, catalog: Catalog) -> Iterator[_Right]:
    try:
        own = [topics.tenant_topic(topic, tenant) for topic in topics.BY_TENANT]
    except ValueError as error:
        raise UnruledTopicError(str(error)) from None
    by_topic = catalog.identity.mode == "topic"
    for topic in own if by_topic else topics.BY_TENANT:
        yield "Write", "Topic", topic, False
    for name, prefixed in _replies_of(tenant, catalog):
        if name not in _READ_BY_PROCESSES:
            yield "Read", "Topic", name, prefixed
    yield "Read", "Group", f"{tenant}.", True


def _of_router(catalog: Catalog) -> Iterator[_Right]:
    yield from _with_tenants("Read", topics.REQUESTS, topics.FEEDBACK)
    yield "Read", "Topic", topics.ROLLOUTS, False
    yield "Write", "Topic", _TIERS, True
    yield from _batch_queues("Write")
    yield "Write", "Topic", topics.DEAD_LETTERS, False
    yield from _all_replies("Write", catalog)
    yield "Read", "Group", _ROUTER_GROUP, False
    # whether a zone has a pool
    yield "Describe", "Group", _GROUPS, True


def _of_worker(catalog: Catalog) -> Iterator[_Right]:
    yield from _with_tenants("Read", topics.CANCELLATIONS, topics.CACHE_INVALIDATIONS)
    for operation in _BOTH:
        yield operation, "Topic", _TIERS, True
        yield operation, "Topic", _RETRIES, True
        yield from _batch_queues(operation)
        yield operation, "Topic", topics.BATCHES, False
    for topic in (topics.USAGE, topics.FEEDBACK, topics.DEAD_LETTERS):
        yield "Write", "Topic", topic, False
    yield from _all_replies("Write", catalog)
    yield "Read", "Group", _GROUPS, True


def _of_gateway() -> Iterator[_Right]:
    for topic in (topics.REQUESTS, *_CONTROL, topics.STORED):
        yield "Write", "Topic", topic, False
    # what it has published of a job, before it goes on with a submission that was cut
    yield "Read", "Topic", topics.REQUESTS, False
    for topic in (topics.REPLIES, topics.STORED, topics.JOB_REPLIES):
        yield "Read", "Topic", topic, False
    for operation in _BOTH:
        yield operation, "Topic", topics.JOBS, False
        yield operation, "Topic", topics.FILES, False


def _of_rollouts() -> Iterator[_Right]:
    yield "Read", "Topic", topics.USAGE, False
    yield "Read", "Topic", topics.FEEDBACK, False
    yield "Read", "Topic", topics.ROLLOUTS, False
    yield "Write", "Topic", topics.ROLLOUTS, False
    yield "Write", "Topic", topics.USAGE, False


def _of_evaluation() -> Iterator[_Right]:
    for operation in _BOTH:
        yield from _with_tenants(operation, topics.REQUESTS)
    yield "Read", "Topic", topics.EVALUATION_REPLIES, False


def _of_jobs() -> Iterator[_Right]:
    """Of who runs `switchgear job`."""
    yield from _with_tenants("Write", topics.CANCELLATIONS)
    for operation in _BOTH:
        yield from _with_tenants(operation, topics.REQUESTS)
        yield operation, "Topic", topics.JOBS, False
        yield operation, "Topic", topics.FILES, False
    yield "Read", "Topic", topics.JOB_REPLIES, False


def _of_operator() -> Iterator[_Right]:
    yield "Create", "Cluster", _CLUSTER, False
    yield "Describe", "Cluster", _CLUSTER, False
    yield "Describe", "Topic", "llm.", True
    yield "Describe", "Group", _GROUPS, True
    for topic in (topics.DEAD_LETTERS, topics.ROLLOUTS):
        yield "Read", "Topic", topic, False
    for topic in (topics.DEAD_LETTERS, topics.ROLLOUTS, topics.REQUESTS, *_CONTROL):
        yield "Write", "Topic", topic, False


def _batch_queues(operation: Operation) -> Iterator[_Right]:
    yield operation, "Topic", topics.batch_topic(), False
    yield operation, "Topic", f"{topics.batch_topic()}.", True


def _with_tenants(operation: Operation, *shared: str) -> Iterator[_Right]:
    """The shared topics, and every tenant's own beside them."""
    for topic in shared:
        yield operation, "Topic", topic, False
        yield operation, "Topic", f"{topic}.", True


def _all_replies(operation: Operation, catalog: Catalog) -> Iterator[_Right]:
    for topic in _SHARED_REPLIES:
        yield operation, "Topic", topic, False
    for tenant in catalog.tenants:
        for name, prefixed in _replies_of(tenant, catalog):
            yield operation, "Topic", name, prefixed


def _replies_of(tenant: str, catalog: Catalog) -> Iterator[tuple[str, bool]]:
    """Name or prefix of each of the tenant's reply topics."""
    for pattern in catalog.tenants[tenant].reply_topics:
        name = pattern.removesuffix("*")
        if set(name) & set("*?[]") or (name != pattern and not name.endswith((".", "-", "_"))):
            raise UnruledTopicError(
                f"tenant {tenant!r}: reply topics {pattern!r} can't be an ACL: write names, or a "
                "beginning with its dot and a *, such as `acme.replies.*`"
            )
        yield name, name != pattern


_OF_PROCESSES: Final[Mapping[str, Callable[[Catalog], Iterator[_Right]]]] = {
    "router": _of_router,
    "worker": _of_worker,
    "gateway": lambda _: _of_gateway(),
    "ledger": lambda _: iter([("Read", "Topic", topics.USAGE, False)]),
    "rollouts": lambda _: _of_rollouts(),
    "evaluation": lambda _: _of_evaluation(),
    "jobs": lambda _: _of_jobs(),
    "operator": lambda _: _of_operator(),
}
"""The roles that aren't a tenant's. `ledger` is the live page's too."""
