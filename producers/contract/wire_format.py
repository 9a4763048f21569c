"""Wire format: the contract's version in the headers, a registry's prefix before the JSON.

A record without a version is taken for the newest. Version 1 differs from version 2 in what its
writers don't know yet (a reply partition, a nonce, signed tenants), not in what they mean.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from .codec import SCHEMA, SCHEMA_HEADER

KNOWN_MAJORS: Final = frozenset({1, 2})
"""Of the contract's version: those whose records are read."""

_VERSION: Final = re.compile(r"switchgear/([0-9]{1,6})(?:\.[0-9]{1,6})?")
_CURRENT: Final = SCHEMA.encode()
_MAX_SHOWN_CHARACTERS: Final = 60
_PREFIXES: Final[Mapping[int, int]] = {0: 5, 1: 17}
"""Confluent's magic byte to the length of the prefix: a schema's number, or its UUID, after it."""


def unknown_version(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """Why a record of this `x-schema` can't be read, for its sender; None: it can."""
    stated = next((value for name, value in headers if name == SCHEMA_HEADER), None)
    if not stated or stated == _CURRENT:
        return None
    text = stated.decode("utf-8", "replace")
    version = _VERSION.fullmatch(text)
    if version is not None and int(version[1]) in KNOWN_MAJORS:
        return None
    known = " and ".join(f"switchgear/{major}" for major in sorted(KNOWN_MAJORS))
    return (
        f"{SCHEMA_HEADER}: the record says {text[:_MAX_SHOWN_CHARACTERS]!r}, and only {known} can "
        f"be read here; write {SCHEMA}, or leave the header out"
    )


def is_framed(value: bytes) -> bool:
    """Whether `value` begins with the schema id of Confluent's wire format. No JSON does."""
    return bool(value) and len(value) >= _PREFIXES.get(value[0], len(value) + 1)


def unframed(value: bytes) -> bytes:
    """`value` without the schema id before it; as it is where there is none."""
    return value[_PREFIXES[value[0]] :] if is_framed(value) else value
