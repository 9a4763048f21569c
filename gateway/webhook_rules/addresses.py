"""Webhook addresses: where a notice may go, so that nobody makes us call the inside of a network.

`ipaddress.is_global` alone isn't enough: it is true of multicast, of networks that were set aside
later, of IPv6's old site-local addresses, and of IPv6 addresses that carry a private IPv4 address
(NAT64, 6to4, Teredo, compatible ones).
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = IPv6Network("::/96")
_UNICAST: Final = IPv6Network("2000::/3")
"""All that is assigned to the public Internet so far."""
_SET_ASIDE: Final = (
    IPv4Network("192.0.0.0/24"),  # protocols of IETF
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("3fff::/20"),  # documentation
)
HTTPS_PORT: Final = 443


def address_refusal(address: str) -> str | None:
    """Why nothing may be sent to an IP address; None: it may."""
    try:
        where = ip_address(address.partition("%")[0])
    except ValueError:
        return "it is no IP address"
    return None if all(map(_is_public, (where, *_carried(where)))) else "it isn't public"


def _is_public(where: IPv4Address | IPv6Address) -> bool:
    if isinstance(where, IPv6Address) and where not in _UNICAST:
        return False
    special = not where.is_global or where.is_multicast or where.is_reserved
    return not special and not any(where in network for network in _SET_ASIDE)


def _carried(where: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(where, IPv4Address):
        return []
    last = IPv4Address(int(where) & 0xFFFFFFFF)
    teredo = where.teredo or ()
    inside = [last] if where in _NAT64 or where in _NAT64_LOCAL or where in _COMPATIBLE else []
    mapped = [inner for inner in (where.ipv4_mapped, where.sixtofour) if inner is not None]
    return [*inside, *mapped, *teredo]


def url_refusal(url: str, ports: Collection[int], *, private: bool) -> str | None:
    """Why an endpoint's address can't be used; None: it can, if its host resolves to good ones.

    private: the operator allows HTTP and private addresses.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no address"
    problems = {
        "it must be https": parts.scheme != "https" and not (private and parts.scheme == "http"),
        "it must not name a user": parts.username is not None or parts.password is not None,
        "it names no host": not parts.hostname,
        f"its port must be one of {', '.join(map(str, sorted(ports)))}": not private
        and (port or HTTPS_PORT) not in ports,
    }
    problem = next((words for words, holds in problems.items() if holds), None)
    if problem is not None or private or not _is_literal(parts.hostname or ""):
        return problem
    return address_refusal(parts.hostname or "")


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
