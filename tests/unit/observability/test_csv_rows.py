import csv

import pytest

from observability.csv_rows import rows_within


def test_readers_side_by_side_keep_limits_of_their_own() -> None:
    others = csv.field_size_limit()
    wide = rows_within(csv.reader(["a\n", "x" * 20, "b\n"]), 20)
    narrow = rows_within(csv.reader(["a\n", "x" * 20]), 19)
    assert [next(wide), next(narrow), next(wide)] == [["a"], ["a"], ["x" * 20]]
    with pytest.raises(csv.Error, match="field larger than field limit"):
        next(narrow)
    assert list(wide) == [["b"]]
    assert csv.field_size_limit() == others


def test_no_row_is_the_end() -> None:
    assert list(rows_within(csv.reader([]), 1)) == []
