"""Changelog of a release: what is unreleased becomes a section of its own."""

import re
from typing import Final

_UNRELEASED: Final = "## [Unreleased]\n"
_VERSION: Final = re.compile(r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)")
_ENTRY: Final = re.compile(r"^- ", re.MULTILINE)


def released(text: str, version: str, day: str) -> tuple[str, str]:
    """The changelog with an empty section for what comes next, and the release's own section.

    day: ISO 8601. Raises ValueError for a version that is none or was released before, and where
    there is nothing to release.
    """
    if _VERSION.fullmatch(version) is None:
        raise ValueError(f"{version!r} is no version: three numbers with dots")
    if f"## [{version}]" in text:
        raise ValueError(f"{version} was released before")
    before, found, after = text.partition(_UNRELEASED)
    if not found:
        raise ValueError("the changelog has no section [Unreleased]")
    body = re.split(r"^## \[", after, maxsplit=1, flags=re.MULTILINE)[0]
    if _ENTRY.search(body) is None:
        raise ValueError("nothing is unreleased")
    section = f"## [{version}] - {day}\n{body}"
    return f"{before}{_UNRELEASED}\n{section}{after[len(body) :]}", section.strip() + "\n"


def versioned(text: str, version: str) -> str:
    """The file with this version in its one line that gives it. Raises ValueError for another."""
    line = re.compile(r'^((?:VERSION: Final|version) = )"[^"]*"$', re.MULTILINE)
    if len(line.findall(text)) != 1:
        raise ValueError("no line, or more than one, gives the version")
    return line.sub(rf'\g<1>"{version}"', text)
