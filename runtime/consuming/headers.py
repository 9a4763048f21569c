"""Queue lane of a record, read from its headers alone."""

from collections.abc import Callable
from typing import TypeAlias

from producers.contract import codec
from producers.kafka.broker import Record
from runtime.consuming.fair_queue import Lane

Weights: TypeAlias = Callable[[str], int]
"""A tenant's share of a pool against the others."""


def lane_of(record: Record, weight_of: Weights) -> Lane:
    """The record's lane, from its headers alone: the body isn't decoded before its turn."""
    tenant = codec.header(record.headers, codec.TENANT_HEADER) or ""
    return Lane(
        tenant,
        weight_of(tenant),
        codec.header(record.headers, codec.LATENCY) != "batch",
        codec.header(record.headers, codec.SEQUENCE),
    )
