"""Limits reference: every limit of foreign bytes, from the one table of them."""

from typing import Final

from runtime.limit import Limit
from runtime.limits import TABLE

_HEAD: Final = """# Limits

Written from the code by `make docs`; a test holds it. What others send is bounded before anything
is done with it; a refusal names the limit and its number.
"""
_COLUMNS: Final = "| what | at most | beyond | why |\n| --- | --- | --- | --- |"


def limits_reference() -> str:
    """The page."""
    parts = [_HEAD]
    for group, limits in TABLE.items():
        rows = "\n".join(map(_row, limits))
        parts.append(f"## {group}\n\n{_COLUMNS}\n{rows}\n")
    return "\n".join(parts)


def _row(limit: Limit) -> str:
    return f"| {limit.name} | {limit.value:,} {limit.unit} | {limit.beyond} | {limit.why} |"
