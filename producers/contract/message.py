"""Base of all messages of the contract, and the types of a name and of money."""

from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

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
