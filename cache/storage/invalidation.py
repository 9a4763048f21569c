"""Cache invalidation: the message of `llm.cache.invalidate`. Which entries are deleted?"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cache.storage.store import EntryStore
from producers.contract import Name


class Invalidation(BaseModel):
    """One tenant's entries to delete: by exactly one of tag, scope, entry, everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Name
    tag: Name | None = None
    scope: Name | None = None
    entry: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}\.[0-9a-f]{32}$")
    everything: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [self.tag, self.scope, self.entry, self.everything or None]
        if sum(name is not None for name in given) != 1:
            raise ValueError("name exactly one of tag, scope, entry, everything")
        return self


async def invalidate(store: EntryStore, what: Invalidation) -> int:
    """How many entries were deleted. Raises REDIS_UNAVAILABLE: try again later."""
    if what.everything:
        return await store.begin_epoch(what.tenant)
    if what.entry is not None:
        return await store.delete(what.tenant, [what.entry])
    tag = f"scope:{what.scope}" if what.scope is not None else str(what.tag)
    return len(await store.delete_tag(what.tenant, tag))
