"""Entry to a single flight: who calls the provider, and what does the store hold by then?"""

import asyncio

from cache.storage.batched_reads import Unavailable, Values
from cache.storage.single_flight import NoLease, Role, SingleFlight
from cache.storage.store import EntryStore, StoreRead


async def join_and_read(
    flights: SingleFlight, store: EntryStore, key: str, place: tuple[str, str, str]
) -> tuple[Role, StoreRead | Unavailable]:
    """The role, and what is stored then. place: tenant, entry and group. Never raises.

    A new leader reads again, too: the last one may have stored its answer between our first read
    and its release of the lease. Both commands leave in one round trip.
    """
    sent: list[asyncio.Future[Values]] = []
    role = await flights.join(key, lambda: sent.append(store.send_read(*place)))
    if not sent:
        return role, await store.read(*place)
    if isinstance(role, NoLease):
        sent[0].cancel()
        return role, Unavailable(role.reason)
    return role, await store.answered(sent[0])
