"""Prefer: does a caller wait for the answer, and for how long? (RFC 7240)"""

import re
from dataclasses import dataclass
from typing import Final

MOST_WAIT_S: Final = 60
"""Proxies cut a silent response somewhat later."""
_WAIT: Final = re.compile(r"wait\s*=\s*\"?([0-9]{1,6})\"?")


@dataclass(frozen=True, slots=True)
class Preference:
    """How a caller wants to be answered."""

    respond_async: bool = False
    """It takes a 202 and asks again."""

    wait_s: int = 0
    """Seconds that it waits first."""


def read_preference(header: str | None) -> Preference:
    """What the header says; preferences that aren't known are ignored, as the RFC asks."""
    respond_async, wait_s = False, 0
    for part in (header or "").split(","):
        words = part.partition(";")[0].strip().lower()
        match = _WAIT.fullmatch(words)
        if match is not None:
            wait_s = min(MOST_WAIT_S, int(match[1]))
        respond_async = respond_async or words == "respond-async"
    return Preference(respond_async, wait_s)


def read_wait(query: bytes, header: str | None) -> int:
    """Seconds to wait: `?wait=n`, else the header's."""
    match = re.search(rb"(?:^|&)wait=([0-9]{1,6})(?:&|$)", query)
    return read_preference(header).wait_s if match is None else min(MOST_WAIT_S, int(match[1]))
