"""Capacity: what a steady load needs of processes, partitions, brokers and disk."""

import math
from dataclasses import dataclass
from typing import Final

_HEADROOM: Final = 0.7
"""Of a process's CPU and of a broker's network: the rest is for bursts and for one that is away."""
_LEAST_BROKERS: Final = 3


@dataclass(frozen=True, slots=True)
class Process:
    """What one process was measured to take. CPU is milliseconds a request, of one core."""

    router_ms: float
    worker_ms: float
    gateway_ms: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Assumed. Sizes in kB a request, as they are on the wire (producers compress)."""

    call_s: float
    concurrency: int
    """Of the tier, in switchgear.yaml: calls under way in one worker process."""
    request_kb: float
    reply_kb: float
    usage_kb: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Assumed of Kafka. broker_mb_s: what a broker's network and disk take, in and out together."""

    replication: int
    broker_mb_s: float
    retention_days: float
    """Of the request and tier topics; replies are kept for one day, usage for 90."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the load needs."""

    routers: int
    workers: int
    gateways: int
    partitions: int
    brokers: int
    write_mb_s: float
    """Into the cluster, replicas included."""
    disk_tb: float


def worker_rate(process: Process, traffic: Traffic) -> float:
    """Requests a second of one worker process: its calls under way or its CPU bound it."""
    return min(traffic.concurrency / traffic.call_s, _HEADROOM * 1000 / process.worker_ms)


def needs(
    requests_hour: float, process: Process, traffic: Traffic, cluster: Cluster, *, busy: float
) -> Needs:
    """For a peak of so many requests an hour; busy: the mean over days as a share of the peak."""
    rate = requests_hour / 3600
    workers = max(2, math.ceil(rate / worker_rate(process, traffic)))
    # twice through Kafka on the way in: to the router, and to its tier
    produced = 2 * traffic.request_kb + traffic.reply_kb + traffic.usage_kb
    write = rate * produced * cluster.replication / 1000
    read = rate * produced / 1000
    brokers = math.ceil(
        (write + read + write - write / cluster.replication) / (_HEADROOM * cluster.broker_mb_s)
    )
    day_kb = rate * busy * 86_400
    kept_kb = day_kb * (
        2 * traffic.request_kb * cluster.retention_days + traffic.reply_kb + 90 * traffic.usage_kb
    )
    return Needs(
        routers=max(2, math.ceil(rate * process.router_ms / 1000 / _HEADROOM)),
        workers=workers,
        gateways=max(2, math.ceil(rate * process.gateway_ms / 1000 / _HEADROOM)),
        partitions=partitions_for(workers),
        brokers=max(_LEAST_BROKERS, brokers),
        write_mb_s=write,
        disk_tb=kept_kb * cluster.replication / 1e9,
    )


def partitions_for(members: int) -> int:
    """The smallest multiple of 12 with a share for each member in a burst of twice the load."""
    return 12 * math.ceil(2 * members / 12)
