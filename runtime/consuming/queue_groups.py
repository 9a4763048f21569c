"""Tier queues and their consumer groups: one queue, one group, whichever pools serve it.

A group's name depends on its queue alone. Pools that overlap are then members of the same group and
share the queue's records; in groups of their own each would serve every record.
"""

from collections.abc import Collection
from typing import Final

from producers.contract import topics
from runtime.config.catalog import Catalog
from runtime.config.eligibility import batch_zone

_PREFIX: Final = "switchgear-"


def zones_of(catalog: Catalog, tier: str) -> list[str]:
    """The zones in which the tier has deployments."""
    return sorted({deployment.zone for _, deployment in catalog.deployments_of(tier)})


def queues_of(
    catalog: Catalog, tier: str, zones: Collection[str] = (), *, unbound: bool = False
) -> list[str]:
    """The topics that a pool consumes: of these zones; unbound: of what is bound to none.

    All of the tier when neither is given. Raises ValueError for a tier or zone that isn't there.
    """
    if tier not in catalog.tiers:
        raise ValueError(f"there is no tier {tier!r}; there are: {', '.join(catalog.tiers)}")
    zones_there = zones_of(catalog, tier)
    for zone in zones:
        if zone not in zones_there:
            raise ValueError(
                f"tier {tier!r} has no deployment in zone {zone!r}, only in {zones_there}"
            )
    everything = not zones and not unbound
    bound = zones_there if everything else sorted(set(zones))
    free = [topics.tier_topic(tier)] if unbound or everything else []
    return [*free, *(topics.tier_topic(tier, zone) for zone in bound)]


def batch_queues(catalog: Catalog) -> list[str]:
    """The topics that the batch pool consumes: of what no zone binds, and of each batch zone."""
    offering = (each for each in catalog.deployments.values() if each.batch is not None)
    zones = sorted({batch_zone(deployment) for deployment in offering})
    return [topics.batch_topic(), *(topics.batch_topic(zone) for zone in zones)]


def group_of_batch_queue(queue: str) -> str:
    """The consumer group of a batch queue, e.g. `switchgear-batch.eu`."""
    return _PREFIX + queue.removeprefix("llm.")


def group_of(queue: str) -> str:
    """The consumer group of a tier's queue, e.g. `switchgear-economy.eu`."""
    return _PREFIX + queue.removeprefix(topics.tier_topic(""))
