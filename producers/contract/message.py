"""What do all messages of the contract share?"""

from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

MicroUsd: TypeAlias = Decimal
"""Micro-dollars: exact, and a string in JSON."""

NAME_PATTERN: Final = r"^[\w.:/@-]+$"
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=NAME_PATTERN)]


class Message(BaseModel):
    """What every part of the contract shares: immutable, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")
