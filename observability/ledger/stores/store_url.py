"""URL of a store's server. A password in it is never shown, not even in an error.

Why no library parses it: docs/adr/0018-libraries-kept-and-replaced.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least: one is a drive."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """`scheme://user:password@host:port/database?option=value`; what isn't given is None."""

    scheme: str
    host: str
    port: int | None
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(repr=False)

    @property
    def shown(self) -> str:
        """For people: without the password and the options."""
        user = "" if self.user is None else f"{self.user}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}/{self.database}"


def scheme_of(text: str) -> str | None:
    """In lower case; None: it's the path of a file."""
    prefix = _SCHEME.match(text)
    return None if prefix is None else prefix[1].lower()


def parse_store_url(url: str) -> StoreUrl:
    """ValueError, with the right form, for what isn't such a URL."""
    scheme = scheme_of(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        path = parts.path.removeprefix("/")
    except ValueError:  # its text may quote the password
        host = None
    if not host or not path or "/" in path or parts.fragment:
        raise ValueError(
            f"the ledger's URL must be {scheme}://user:password@host:port/database; where a part"
            " has such characters, write %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?"
        ) from None
    user, password = (
        None if text is None else unquote(text) for text in (parts.username, parts.password)
    )
    options = dict(parse_qsl(parts.query))
    return StoreUrl(scheme or "", host, port, user, password, unquote(path), options)
