"""Error report: an error response, or an error event of a stream, as its provider told it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error as a provider told it. status: of the response, or of the error inside a stream.

    codes: every code and type that it names, the most exact first.
    """

    status: int
    codes: tuple[str, ...]
    message: str
