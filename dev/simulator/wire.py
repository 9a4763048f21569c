"""Simulated wire protocol: what each module `*_wire` must know of its dialect."""

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from .address import Address
from .conduct import Fault
from .exchange import Answered, Asked, Counted, Unreadable
from .limits import Verdict

Failed: TypeAlias = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an error."""


class Wire(Protocol):
    """A dialect, from the provider's side."""

    @property
    def STREAM_TYPE(self) -> str:  # noqa: N802 - a constant of each module
        """The content type of a stream."""
        ...

    def parse(self, address: Address, headers: Mapping[str, str], body: bytes, /) -> Asked:
        """What the request asks. Raises Unreadable."""
        ...

    def whole(self, asked: Asked, said: Answered, counted: Counted, number: int, /) -> bytes:
        """The body of an answer that isn't streamed."""
        ...

    def events(
        self, asked: Asked, said: Answered, counted: Counted, number: int, /
    ) -> Iterator[bytes]:
        """The events of a streamed answer, the end mark included."""
        ...

    def failed(self, fault: Fault, asked: Asked, retry_after_s: float | None, /) -> Failed:
        """The provider's own words for a fault."""
        ...

    def rejected(self, provider: str, problem: Unreadable, /) -> Failed:
        """The provider's own words for a request that it can't read."""
        ...

    def error_in_stream(self, asked: Asked, /) -> bytes:
        """An error after the answer has begun."""
        ...

    def limit_headers(self, provider: str, verdict: Verdict, /) -> dict[str, str]:
        """What the provider's headers say of the account's limits."""
        ...
