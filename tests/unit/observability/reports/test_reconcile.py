"""Is a provider's export read whatever its lines have, and is every line counted once?"""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.reports.reconcile import (
    Export,
    UnknownExportError,
    compare_bills,
    read_export,
    span_of,
)

HEADINGS: dict[Export, tuple[str, ...]] = {
    "openai": ("start_time", "model", "input_tokens", "output_tokens", "input_cached_tokens"),
    "anthropic": (
        *("usage_date_utc", "model_version", "usage_output_tokens"),
        *("usage_input_tokens_no_cache", "usage_input_tokens_cache_read"),
    ),
    "aws": (*("line_item_usage_start_date", "line_item_product_code", "line_item_unblended_cost"),),
}
GOOD: dict[Export, str] = {
    "openai": "2026-03-01,gpt-4o,3,2,1",
    "anthropic": "2026-03-01,claude-haiku-4-5,2,3,1",
    "aws": "2026-03-01T00:00:00Z,AmazonBedrock,0.5",
}
ODD = [
    *("", "NaN", "sNaN", "Infinity", "-1", "1e999999", "9" * 30, "9" * 5_000, "x", "1.5"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01", "AmazonBedrock"),
]
CELLS = st.lists(st.sampled_from(ODD), max_size=6)


@pytest.mark.parametrize("kind", HEADINGS)
@given(st.lists(CELLS, max_size=3))
def test_an_odd_line_is_counted_and_the_others_are_summed(
    kind: Export, rows: list[list[str]]
) -> None:
    lines = [",".join(HEADINGS[kind]), *map(",".join, rows), GOOD[kind]]
    export = read_export(io.StringIO("\n".join(lines)))
    assert export.kind == kind
    assert export.skipped <= len(rows)
    assert span_of(export.sums) is not None
    for difference in compare_bills({}, export, {}):
        assert len(f"{difference.provider.input:,}") < 30
        assert isinstance(difference.agrees, bool)


@pytest.mark.parametrize("kind", HEADINGS)
def test_a_line_that_is_cut_short_adds_nothing(kind: Export) -> None:
    good = GOOD[kind]
    cut = good.replace(",2,", ",junk,") if kind != "aws" else good.replace("0.5", "NaN")
    text = "\n".join([",".join(HEADINGS[kind]), good, cut, good.partition(",")[0] + ",,x,y"])
    export = read_export(io.StringIO(text))
    (sums,) = export.sums.values()
    one = read_export(io.StringIO("\n".join(text.split("\n")[:2])))
    assert [sums] == list(one.sums.values())


def test_what_is_no_csv_is_told_with_its_line() -> None:
    text = f"{','.join(HEADINGS['aws'])}\n{'x' * 200_000},y,z\n"
    with pytest.raises(UnknownExportError, match="no CSV after line 1"):
        read_export(io.StringIO(text))
