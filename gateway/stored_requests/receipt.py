"""Receipt: what a gateway has to remember of a stored request, as a record of its topic."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, Literal

from pydantic import Field

from gateway.answers.dialect import DialectCall
from producers.contract import Message, Name
from producers.contract.codec import MAX_MESSAGE_VALUES
from producers.json_values import too_many_values

_NOT_KEPT: Final = frozenset({"body"})
_CALL_FIELDS: Final = frozenset(field.name for field in fields(DialectCall)) - _NOT_KEPT


class Receipt(Message):
    """A request that was taken, before it is published."""

    type: Literal["receipt"] = "receipt"
    id: Name
    tenant: Name
    dialect: str
    """The interface in whose words the answer is told."""

    call: dict[str, Any]
    """The fields of `DialectCall` without the body."""

    digest: str
    """Hexadecimal; equal for equal requests of one caller."""

    created_ms: int
    """Unix milliseconds."""

    tier: Name | None = None
    """The tier that was asked for."""

    webhooks: tuple[str, ...] = ()
    """The endpoints that hear of the end."""

    extra: dict[str, Any] = Field(default_factory=dict)
    """What a dialect needs besides."""


def call_fields(call: DialectCall) -> dict[str, Any]:
    """What of a call is kept."""
    return {name: getattr(call, name) for name in sorted(_CALL_FIELDS)}


def call_of(kept: Mapping[str, Any]) -> DialectCall:
    """The call; a field that another version of the gateway wrote is left out."""
    known = {name: value for name, value in kept.items() if name in _CALL_FIELDS}
    known["warnings"] = tuple(known.get("warnings", ()))
    return DialectCall(body={}, **known)


def read_receipt(value: bytes) -> Receipt:
    """The receipt in a record's value. Raises ValueError."""
    if too_many_values(value, MAX_MESSAGE_VALUES):
        raise ValueError(f"a receipt of more than {MAX_MESSAGE_VALUES:,} values")
    return Receipt.model_validate_json(value)
