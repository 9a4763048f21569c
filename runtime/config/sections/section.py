"""Base of every section: immutable, and closed to keys that nobody reads."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

EnvName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""The name of an environment variable; a key written in its place doesn't look like one."""


class Section(BaseModel):
    """A part of the file. An unknown key is a mistake: it would be ignored in silence."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
