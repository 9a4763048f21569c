"""Settings that are compared, and the figures beneath them: measured, assumed, or the chart's."""

from typing import Final

from bench.scaling.autoscaler import AgeTrigger, Behavior, LagTrigger, Policy, Rules
from bench.scaling.capacity import Cluster, Process, Traffic, worker_rate
from bench.scaling.day import Group, Pod

PROCESS: Final = Process(router_ms=0.73, worker_ms=2.4, gateway_ms=1.5)
"""`bench/results/pipeline.json`: 3.57 ms of CPU a request that calls a provider, of our processes
on a machine that did other work too; of it a fifth is the router's, two thirds the worker's, the
rest the client's. The gateway's is assumed: about four times a client's, for every request."""

TRAFFIC: Final = Traffic(call_s=2.0, concurrency=256, request_kb=4.0, reply_kb=2.0, usage_kb=1.2)
CLUSTER: Final = Cluster(replication=3, broker_mb_s=150.0, retention_days=7.0)
BUSY: Final = 0.45
"""Mean of the simulated day as a share of its peak."""

GROUP: Final = Group(rebalance_s=3)
"""Measured: all members stand still for about so long (eager protocol)."""
POD: Final = Pod(rate=worker_rate(PROCESS, TRAFFIC), uncommitted_s=6.0, start_s=20, usd_hour=0.03)
"""uncommitted_s: the slowest of the calls under way, three times the mean. usd_hour: half a vCPU
and half a GiB at a usual price."""

PARTITIONS: Final = 24
_MOST: Final = 24
_LEAST: Final = 2

_AT_ONCE: Final = Behavior(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
_DOWN_AT_ONCE: Final = Behavior(300, (Policy("Percent", 100, 15),))
_UP: Final = Behavior(0, (Policy("Percent", 100, 30), Policy("Pods", 4, 30)))
_DOWN: Final = Behavior(1800, (Policy("Pods", 1, 300),))
LAG_THRESHOLD: Final = 1500
"""What a pod has under way and uncommitted (rate x 6 s), and may have waiting (rate x 6 s)."""

SETTINGS: Final = {
    "fixed": Rules(LagTrigger(10, PARTITIONS), None, _MOST, _MOST, _AT_ONCE, _DOWN_AT_ONCE),
    "KEDA's defaults": Rules(
        LagTrigger(10, PARTITIONS), None, _LEAST, _MOST, _AT_ONCE, _DOWN_AT_ONCE
    ),
    "lag of what a pod clears": Rules(
        LagTrigger(LAG_THRESHOLD, PARTITIONS), None, _LEAST, _MOST, _AT_ONCE, _DOWN_AT_ONCE
    ),
    "the chart: lag, age, slowly down": Rules(
        LagTrigger(LAG_THRESHOLD, PARTITIONS), AgeTrigger(30), _LEAST, _MOST, _UP, _DOWN
    ),
}
"""The first is no autoscaling: as many pods as the day's peak asks for."""
LOADS: Final = (100_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)
"""Requests an hour at the peak."""
