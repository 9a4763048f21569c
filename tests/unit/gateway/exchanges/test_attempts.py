"""Which request does an SDK's retry repeat, in this process and in another one?"""

from gateway.exchanges.attempts import LocalAttempts, SdkAttempt

FIRST, SECOND, THIRD = (SdkAttempt(b"d", number) for number in range(3))


async def test_a_first_try_repeats_nothing() -> None:
    records = LocalAttempts()
    await records.begin(FIRST, "a")
    assert await records.claim(SdkAttempt(b"d", 0)) is None
    assert await records.claim(SdkAttempt(b"other", 1)) is None


async def test_two_equal_calls_that_are_each_retried_stay_two() -> None:
    records = LocalAttempts()
    await records.begin(FIRST, "a")
    await records.begin(FIRST, "b")
    assert {await records.claim(SECOND), await records.claim(SECOND)} == {"a", "b"}
    assert await records.claim(SECOND) is None


async def test_who_lost_its_caller_is_taken_first() -> None:
    records = LocalAttempts()
    await records.begin(FIRST, "a")
    await records.begin(FIRST, "b")
    await records.prefer(FIRST, "b")
    assert await records.claim(SECOND) == "b"
    assert await records.leave(FIRST, "a")
    assert not await records.leave(FIRST, "b")


async def test_a_try_that_never_arrived_is_stepped_over() -> None:
    records = LocalAttempts()
    await records.begin(FIRST, "a")
    assert await records.claim(THIRD) == "a"
    assert await records.leave(THIRD, "a")
    assert await records.claim(SdkAttempt(b"d", 10**9)) is None


async def test_what_was_answered_is_not_repeated() -> None:
    records = LocalAttempts()
    await records.begin(FIRST, "a")
    assert await records.leave(FIRST, "a")
    assert await records.claim(SECOND) is None
    assert not records._ids  # noqa: SLF001 nothing is left behind
