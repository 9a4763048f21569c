"""JSON values of any shape, read without surprise."""

from collections.abc import Mapping
from typing import Any


def mapping_of(value: object) -> Mapping[str, Any]:
    """`value` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}
