"""Corpus: the inputs from which mutations begin, those of `corpus/` and the recorded streams."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "corpus"


def seeds_of(reader: str) -> tuple[bytes, ...]:
    """The reader's files in the order of their names; for a record's headers, one a line."""
    files = sorted((_FOLDER / reader).iterdir())
    return tuple(file.read_bytes().rstrip(b"\n") for file in files)


def headers_in(data: bytes) -> list[tuple[str, bytes | None]]:
    """Lines `name: value` as Kafka headers; a line without a colon is one whose value is null."""
    pairs = (line.partition(b":") for line in data.split(b"\n"))
    return [
        (name.decode("utf-8", "backslashreplace"), value.removeprefix(b" ") if colon else None)
        for name, colon, value in pairs
    ]
