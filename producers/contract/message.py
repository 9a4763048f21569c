"""Base of all messages of the contract, and the types of a name and of money."""

from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

MicroUsd: TypeAlias = Decimal
"""Micro-dollars (a millionth of a US dollar): exact, and a string in JSON."""

NAME_PATTERN: Final = r"^[\w.:/@-]+$"
MAX_NAME_CHARACTERS: Final = 200
Name: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS, pattern=NAME_PATTERN)
]
"""An identifier: letters, digits and `_ . : / @ -`, 1 to 200 characters."""


class Message(BaseModel):
    """What every part of the contract shares: immutable, tolerant of unknown fields.

    The docstring under a field is its description in the generated JSON Schema and AsyncAPI.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


PASSED_ON: Final = "passed on"
"""The validation context of what the router has accepted already: a newer one may know more."""
_MAX_SHOWN_CHARACTERS: Final = 60


class Demand(Message):
    """What a caller wishes for. An unknown key is refused.

    An overlooked wish is a promise broken: `residancy` would let the data go anywhere.
    """

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - as it came
        if not isinstance(value, dict) or info.context == PASSED_ON:
            return value
        known = {field.alias or name: None for name, field in cls.model_fields.items()}
        unknown = next((key for key in value if key not in known), None)
        if unknown is not None:
            raise ValueError(_unknown_key(str(unknown)[:_MAX_SHOWN_CHARACTERS], list(known)))
        return value


def _unknown_key(key: str, known: list[str]) -> str:
    nearest = get_close_matches(key, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"
