"""Audit of pins: `python -m dev.supply_chain.audit` against OSV, and always against our own file.

`advisories.json` holds what was known on its date, so that an audit says something without a
network. Exit status 1 when a pinned version is affected.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
from packaging.specifiers import SpecifierSet

from dev.supply_chain.pins import ROOT, Pin, pins

FILE: Final = Path(__file__).with_name("advisories.json")
_OSV: Final = "https://api.osv.dev/v1/querybatch"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_AT_ONCE: Final = 500


def known() -> dict[str, Any]:
    """Our own file."""
    advisories: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return advisories


def affected(pinned: Sequence[Pin]) -> Iterator[str]:
    """A line for each pin that an advisory of our file names."""
    for advisory in known()["advisories"]:
        versions = SpecifierSet(advisory["affected"], prereleases=True)
        for pin in pinned:
            if pin.name == advisory["package"] and pin.version in versions:
                yield f"{pin.name} {pin.version}: {advisory['id']}, {advisory['what']}"


async def affected_by_osv(pinned: Sequence[Pin], url: str = _OSV) -> list[str]:
    """The same by the service. Raises OSError, aiohttp.ClientError or TimeoutError without it."""
    lines = []
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for start in range(0, len(pinned), _AT_ONCE):
            part = pinned[start : start + _AT_ONCE]
            async with session.post(url, json={"queries": [_query(pin) for pin in part]}) as answer:
                answer.raise_for_status()
                results = (await answer.json())["results"]
            for pin, result in zip(part, results, strict=True):
                names = [found["id"] for found in result.get("vulns", [])]
                lines += [f"{pin.name} {pin.version}: {name}" for name in names]
    return lines


def _query(pin: Pin) -> dict[str, Any]:
    return {"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": pin.version}


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev.supply_chain.audit", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="our own file only")
    options = parser.parse_args()
    files = sorted((ROOT / "requirements").glob("*.txt"))
    pinned = sorted({pin for file in files for pin in pins(file)}, key=lambda pin: pin.name)
    lines = list(affected(pinned))
    print(f"{len(pinned)} pins against the advisories of {known()['date']}: {len(lines)} affected")
    if not options.offline:
        try:
            found = asyncio.run(affected_by_osv(pinned))
        except (OSError, aiohttp.ClientError) as error:
            print(f"OSV can't be asked: {type(error).__name__}")
        else:
            print(f"{len(pinned)} pins against OSV: {len(found)} affected")
            lines += found
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
