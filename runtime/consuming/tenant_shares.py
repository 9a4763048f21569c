"""Tenant shares: how many of a pool's slots may one tenant hold, so that its slow calls fill none?

While others wait a tenant begins nothing beyond its share. Alone it may hold all but a twentieth,
at least one: what is begun can't be taken back, and whoever comes next must find a slot.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

_KEPT_FREE: Final = 20
"""One slot in so many."""


@dataclass(frozen=True, slots=True)
class ShareRules:
    """What bounds a tenant in a pool."""

    slots: int
    """Of the whole pool, in this process."""
    share: float
    """Of the slots, that one tenant may hold while others wait."""
    tenants: int
    """How many there may be; one alone is not bounded."""

    def most(self, own_limit: int | None, *, contested: bool) -> int:
        """The slots that a tenant may hold. contested: others wait."""
        slots = self.slots if own_limit is None else min(own_limit, self.slots)
        if self.tenants < 2 or self.slots < 2:  # noqa: PLR2004 one has nobody to share with
            return slots
        if contested:
            return min(slots, max(1, math.floor(self.slots * self.share)))
        return min(slots, self.slots - max(1, self.slots // _KEPT_FREE))


SlotLimits: TypeAlias = Callable[[str], tuple[ShareRules, int | None]]
"""The rules in force, and a tenant's own limit."""


class TenantShares:
    """Who holds how many slots of one pool, in all its streams."""

    def __init__(self, limits: SlotLimits) -> None:
        self._limits = limits
        self._running: Counter[str] = Counter()

    def may_begin(self, tenant: str, *, contested: bool) -> bool:
        """Whether the tenant may take one more slot."""
        rules, own_limit = self._limits(tenant)
        return self._running[tenant] < rules.most(own_limit, contested=contested)

    def began(self, tenant: str) -> None:
        """It holds one more."""
        self._running[tenant] += 1

    def ended(self, tenant: str) -> None:
        """It holds one less."""
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
