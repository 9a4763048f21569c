"""Base of every section: immutable, and closed to keys that nobody reads."""

from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

EnvName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""The name of an environment variable; a key written in its place doesn't look like one."""


def usable_address(address: str) -> str:
    """`address`, if a request can be sent there. Raises ValueError with what is wrong."""
    if not address.isprintable():
        raise ValueError("it holds a character that no address has, such as a line end")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # a bracket that isn't closed, a port that is no number or too large
        raise ValueError("its host or port can't be read: write https://host:port") from None
    if parts.hostname is None or port == 0:
        raise ValueError("it has no host, or a port that nobody listens at")
    if parts.username is not None:
        raise ValueError("it has a user or password: secrets come from the environment")
    return address


HttpAddress: TypeAlias = Annotated[
    str, Field(pattern=r"^https?://[^\s/@?#]+([/?#]\S*)?$"), AfterValidator(usable_address)
]
"""Without user and password: secrets come from the environment."""


class Section(BaseModel):
    """A part of the file. An unknown key is a mistake: it would be ignored in silence."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
