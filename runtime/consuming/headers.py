"""Queue lane of a record, read from its headers alone: the body isn't decoded before its turn."""

from collections.abc import Callable
from dataclasses import dataclass

from producers.contract import codec
from producers.kafka.broker import Record
from runtime.config.catalog import STRANGERS, Catalog
from runtime.consuming.fair_queue import Lane
from runtime.redis.key_names import joined


def claimed_tenant(record: Record) -> str:
    """Whom the record names; empty where it names nobody."""
    return codec.header(record.headers, codec.TENANT_HEADER) or ""


@dataclass(frozen=True, slots=True)
class LaneRules:
    """Whose turn it is: each configured tenant's, and one that all strangers share.

    A turn for each name would let whoever invents names have as many as he likes.
    """

    catalog: Callable[[], Catalog]
    tenant_of: Callable[[Record], str] = claimed_tenant
    """Must be cheap and must not raise."""

    def lane(self, record: Record) -> Lane:
        """The record's lane."""
        catalog, tenant = self.catalog(), self.tenant_of(record)
        account, sequence = catalog.account_of(tenant), codec.header(record.headers, codec.SEQUENCE)
        if sequence is not None and account == STRANGERS:
            # two strangers may give their conversations one name
            sequence = joined(tenant, sequence)
        section = catalog.tenants.get(account)
        return Lane(
            account,
            1 if section is None else section.weight,
            codec.header(record.headers, codec.LATENCY) != "batch",
            sequence,
        )
