"""Base of every section: immutable, and closed to keys that nobody reads."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file. An unknown key is a mistake: it would be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
