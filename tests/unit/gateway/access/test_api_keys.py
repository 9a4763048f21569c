from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.api_keys import Caller, hash_of, identify, make_key, presented_key
from gateway.access.key_limits import KeyLimits
from gateway.errors.api_error import ApiError
from runtime.config.sections.gateway import ApiKey

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = make_key("team-a", "s" * 43)


def entry(**fields: Any) -> ApiKey:  # noqa: ANN401 the section's
    return ApiKey(sha256=hash_of(KEY), tenant="t", **fields)


def test_a_key_opens_its_scopes_until_it_expires() -> None:
    keys = {"team-a": entry(scopes=frozenset({"chat"}), expires=NOW + timedelta(seconds=1))}
    caller = identify(KEY, keys, "chat", NOW)
    assert isinstance(caller, Caller)
    assert (caller.name, caller.tenant) == ("team-a", "t")
    forbidden = identify(KEY, keys, "messages", NOW)
    assert isinstance(forbidden, ApiError)
    assert forbidden.openai.status == 403
    late = identify(KEY, keys, "chat", NOW + timedelta(seconds=1))
    assert isinstance(late, ApiError)
    assert late.openai.status == 401


@given(st.text())
def test_what_is_not_the_key_opens_nothing(presented: str) -> None:
    told = [identify(text, {"team-a": entry()}, "chat", NOW) for text in (None, "a wrong key")]
    for text in (presented, KEY + presented, "sk-sg-" + presented, None):
        if text != KEY:
            refused = identify(text, {"team-a": entry()}, "chat", NOW)
            assert isinstance(refused, ApiError)
            assert refused.openai.status == 401
            # in words that don't depend on it, so that nothing of a key is repeated
            assert refused in told


def test_who_has_no_key_may_be_anonymous_but_a_wrong_key_stays_wrong() -> None:
    for presented in (None, "unused"):
        caller = identify(presented, {}, "chat", NOW, anonymous="demo")
        assert isinstance(caller, Caller)
        assert caller.tenant == "demo"
    assert isinstance(identify(KEY, {}, "chat", NOW, anonymous="demo"), ApiError)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"authorization": "Bearer a"}, "a"),
        ({"authorization": "bearer a"}, "a"),
        ({"authorization": "Basic a"}, None),
        ({"authorization": "Bearer "}, None),
        ({"authorization": "Bearer a", "x-api-key": "b"}, "b"),
    ],
)
def test_where_a_key_may_stand(headers: dict[str, str], key: str | None) -> None:
    assert presented_key(headers) == key


@given(
    st.integers(1, 50),
    st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_no_minute_sees_more_than_twice_the_grant(rpm: int, pauses: list[float]) -> None:
    limits, caller = KeyLimits(), Caller("team-a", "t", entry(rpm=rpm))
    now, admitted = 0.0, []
    for pause in pauses:
        now += pause
        refusal = limits.admit(caller, 1, now)
        if refusal is None:
            admitted.append(now)
            limits.release(caller, 1, 1)
        else:
            assert 1 <= (refusal.retry_after_s or 0) <= 60
    for begin in admitted:
        within = [moment for moment in admitted if begin <= moment < begin + 60]
        # a full bucket at once, and what flows in during the minute
        assert len(within) <= 2 * rpm + 1


def test_tokens_count_as_estimated_and_then_as_billed() -> None:
    limits, caller = KeyLimits(), Caller("team-a", "t", entry(tpm=100))
    assert limits.admit(caller, 50, 0) is None
    limits.release(caller, 50, 150)
    refusal = limits.admit(caller, 10, 0)
    assert refusal is not None
    assert refusal.kind == "rate_limited"
    assert limits.admit(caller, 10, 60) is None


def test_so_many_at_once_and_no_more() -> None:
    limits, caller = KeyLimits(), Caller("team-a", "t", entry(concurrency=1))
    assert limits.admit(caller, 1, 0) is None
    assert limits.admit(caller, 1, 0) is not None
    limits.release(caller, 1, None)
    assert limits.admit(caller, 1, 0) is None
