from typing import get_args

import pytest

from gateway.errors.api_error import ApiError, ErrorKind
from gateway.errors.failure_codes import error_of
from producers.contract import Failed, FailureCode


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_each_failure_has_a_status_that_the_sdks_read_rightly(code: FailureCode) -> None:
    failed = Failed(id="r", code=code, message="why", retryable=False)
    error = error_of(failed)
    assert "why" in error.message
    retried = error.openai.status in {408, 409, 429} or error.openai.status >= 500
    steered = error.headers()
    if code not in {"overloaded", "providers_exhausted", "internal_error", "rate_limited"}:
        assert not retried or steered["x-should-retry"] == "false"
    if error.retry_after_s is not None:
        assert 1 <= error.retry_after_s <= 60


def test_agents_know_by_its_words_that_a_prompt_is_too_long() -> None:
    failed = Failed(id="r", code="context_too_long", message="9 tokens", retryable=False)
    error = error_of(failed)
    assert error.message == "prompt is too long: 9 tokens"
    assert error.code == "context_length_exceeded"


@pytest.mark.parametrize("kind", get_args(ErrorKind))
def test_no_kind_is_a_conflict_which_every_sdk_retries(kind: ErrorKind) -> None:
    error = ApiError(kind, "c", "m")
    assert 400 <= error.openai.status != 409
    assert 400 <= error.anthropic.status != 409
