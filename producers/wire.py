"""What do all messages of the contract share?"""

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

MicroUsd: TypeAlias = Decimal
"""Micro-dollars: exact, and a string in JSON."""

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:/@-]+$")]


class Message(BaseModel):
    """What every part of the contract shares: immutable, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")
