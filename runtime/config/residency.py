"""Residency of records: whose data is it, and may it be in this cell?

A request that can be read says it by its fields. A record that can't be read as a request is looked
at for what it says all the same: where nobody can tell, its content counts as excluded.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from pydantic_core import from_json

from producers.contract import Demands, Request, codec
from producers.contract.residency import excludes, narrower
from producers.json_values import too_many_values
from runtime.config.catalog import Catalog

_MOST_READ: Final = 2_000_000
"""Bytes of a record that is looked at: twice what a request may have."""


class Standing(Enum):
    """What a record's own words and its tenant's section say of its place here."""

    ALLOWED = "allowed"
    EXCLUDED = "excluded"
    UNKNOWN = "unknown"


def excluded_from(
    cell: str | None, request: Request, catalog: Catalog, demands: Demands | None = None
) -> bool:
    """Whether the request may not be in the cell. demands: what the router found, if it did."""
    if cell is None:
        return False
    tenant = catalog.tenant(request.tenant)
    imposed = () if tenant is None else tenant.residency
    if excludes(narrower(request.routing.residency, imposed), cell):
        return True
    return demands is not None and excludes(demands.zones, cell)


def standing(value: bytes, tenant: str | None, catalog: Catalog, cell: str) -> Standing:
    """Of a record, tagged or not, that need not be readable. tenant: as its headers name it."""
    if len(value) > _MOST_READ or too_many_values(
        value, codec.MAX_MESSAGE_VALUES, numbers_aside=True
    ):
        return Standing.UNKNOWN
    try:
        told = from_json(value)
    except ValueError:
        return Standing.UNKNOWN
    if not isinstance(told, Mapping):
        return Standing.UNKNOWN
    request = told.get("request", told)
    if not isinstance(request, Mapping):
        return Standing.UNKNOWN
    names = {name for name in (tenant, request.get("tenant")) if isinstance(name, str)}
    stated = [
        _zones(request, "routing", "residency"),
        _zones(told, "route", "demands", "zones"),
        *(_imposed(catalog, name) for name in names),
    ]
    if any(zones is not None and excludes(zones or None, cell) for zones in stated):
        return Standing.EXCLUDED
    return Standing.UNKNOWN if None in stated else Standing.ALLOWED


def _imposed(catalog: Catalog, tenant: str) -> tuple[str, ...]:
    section = catalog.tenant(tenant)
    return () if section is None else section.residency


def _zones(told: Mapping[str, object], *path: str) -> tuple[str, ...] | None:
    """The zones at a path, empty: it names none; None: something else is there."""
    found: object = told
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
        if found is None:
            return ()
    if not isinstance(found, list) or not all(isinstance(zone, str) for zone in found):
        return None
    return tuple(found)
