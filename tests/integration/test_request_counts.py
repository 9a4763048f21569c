"""What a request takes, by counts that don't depend on the machine, has not risen unnoticed."""

from pathlib import Path

import pytest
import uvloop

from bench.request_counts.report import regressions, request_counts

pytestmark = pytest.mark.redis


def test_a_decision_a_call_and_a_hit_take_no_more_than_is_committed(
    redis_url: str, tmp_path: Path
) -> None:
    risen = list(regressions(uvloop.run(request_counts(redis_url, tmp_path))))
    advice = "mend it, or commit the new figures: python -m bench.request_counts --write"
    assert not risen, f"{risen}; {advice}"
