"""An entry is read back whatever its usage holds; one that is damaged is not there."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cache.storage.entry import CacheEntry, decode_entry, encode_entry, entry_usage
from producers.contract import Usage

ENTRY = CacheEntry("e", "Why?", None, "0", 1, 2, Decimal("1.5"), {}, {"choices": []})


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(input_uncached=10, output=4),
        Usage(output=4, unlisted={"video_seconds": 3}, served=("inference_geo=us",)),
    ],
)
def test_every_usage_is_read_back(usage: Usage) -> None:
    for stored in (usage.model_dump(), usage.model_dump(exclude_defaults=True)):
        entry = decode_entry(encode_entry(replace(ENTRY, usage=stored)))
        assert entry is not None
        assert entry_usage(entry) == usage


@pytest.mark.parametrize(
    "usage",
    [{"output": -1}, {"output": "4"}, {"output": True}, {"unlisted": {"a": "b"}}, {"served": [1]}],
)
def test_a_usage_that_is_none_makes_no_entry(usage: dict[str, object]) -> None:
    assert decode_entry(encode_entry(replace(ENTRY, usage=usage))) is None
