import asyncio

import pytest

from observability.retry import RetryPolicy

AWAY = OSError("away")


class Work:
    """Fails as it is told, then succeeds."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def later(self) -> str:
        return self()


class Reported:
    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def __call__(self, error: Exception, since_s: float) -> None:
        assert since_s >= 0
        self.failures.append(error)


def away(error: Exception) -> bool:
    return isinstance(error, OSError)


@pytest.mark.parametrize("failures", [0, 1, 2, 5])
async def test_it_ends_with_the_first_success_and_reports_each_failure(failures: int) -> None:
    work, reported = Work(*[AWAY] * failures), Reported()
    outcome = await RetryPolicy(0.001).run(work.later, transient=away, on_retry=reported)
    assert (outcome, work.attempts, reported.failures) == ("done", failures + 1, [AWAY] * failures)


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_what_does_not_pass_is_raised_as_it_came(before: int) -> None:
    wrong = ValueError("wrong")
    work = Work(*[AWAY] * before, wrong)
    with pytest.raises(ValueError, match="wrong") as raised:
        await RetryPolicy(0.001).run(work.later, transient=away, on_retry=Reported())
    assert raised.value is wrong
    assert work.attempts == before + 1


async def test_a_cancellation_ends_it() -> None:
    work = Work(AWAY, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await RetryPolicy(0.001).run(work.later, transient=lambda _: True, on_retry=Reported())
    assert work.attempts == 2


async def test_a_pause_can_be_cancelled() -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(
        RetryPolicy(60).run(
            Work(AWAY).later, transient=away, on_retry=lambda _error, _since_s: begun.set()
        )
    )
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)


@pytest.mark.parametrize(
    ("policy", "pauses"),
    [(RetryPolicy(0.5), [0.5] * 5), (RetryPolicy(0.5, 3), [0.5, 1, 2, 3, 3])],
)
def test_the_pause_stays_or_doubles_up_to_its_limit(
    policy: RetryPolicy, pauses: list[float]
) -> None:
    slept: list[float] = []
    policy.run_blocking(Work(*[AWAY] * 5), transient=away, on_retry=Reported(), sleep=slept.append)
    assert slept == pauses


def test_it_gives_up_with_the_last_failure() -> None:
    slept: list[float] = []
    last = OSError("still away")
    with pytest.raises(OSError, match="still away"):
        RetryPolicy(1, give_up_after_s=0).run_blocking(
            Work(last), transient=away, on_retry=Reported(), sleep=slept.append
        )
    assert slept == []
