"""JSON values of any shape, read without surprise."""

from collections.abc import Mapping
from typing import Any


def mapping_of(value: object) -> Mapping[str, Any]:
    """`value` if it is an object of JSON, else an empty one."""
    # what was read from JSON is a dict; asking for a Mapping would cost ten times as much
    return value if isinstance(value, dict) else {}
