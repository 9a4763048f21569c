"""Pinned packages: name, version and hashes of each, as `requirements/*.txt` have them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SERVICE: Final = ROOT / "requirements" / "service.txt"
_PIN: Final = re.compile(r"([a-zA-Z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of each of its files, hexadecimal."""


def pins(file: Path) -> list[Pin]:
    """In the order of their names; a package with one version for each platform comes twice."""
    return sorted(_pins(file.read_text(encoding="utf-8")), key=lambda pin: (pin.name, pin.version))


def _pins(text: str) -> Iterator[Pin]:
    for block in re.split(r"\n(?=[a-zA-Z0-9])", text):
        match = _PIN.match(block)
        if match is not None:
            yield Pin(match[1].lower(), match[2], tuple(_HASH.findall(block)))
