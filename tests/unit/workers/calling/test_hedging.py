import asyncio
from collections.abc import Callable

import pytest

from tests.waiting import until
from workers.calling.hedging import HedgeBranch, HedgedCall, HedgeRace


class Calls:
    """Two calls, each of which speaks and ends when told to."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.branches: dict[str, HedgeBranch] = {}
        self.cut: list[str] = []

    def call(
        self, name: str, *, answer_s: float, speaks: bool = False, fails: bool = False
    ) -> HedgedCall[str]:
        async def run(branch: HedgeBranch) -> str | None:
            self.branches[name] = branch
            try:
                await asyncio.sleep(answer_s)
                if speaks:
                    await branch.may_speak()
                    self.said.append(name)
                    await asyncio.sleep(answer_s)
            except asyncio.CancelledError:
                self.cut.append(name)
                raise
            return None if fails else name

        return run


def race(
    first: HedgedCall[str], second: HedgedCall[str], may_hedge: Callable[[], bool]
) -> HedgeRace[str]:
    return HedgeRace(first, second, after_s=0.02, may_hedge=may_hedge)


async def test_a_fast_call_is_alone() -> None:
    calls = Calls()
    won = await race(calls.call("a", answer_s=0), calls.call("b", answer_s=0), lambda: True).run()
    assert won == "a"
    assert list(calls.branches) == ["a"]


async def test_a_slow_one_is_overtaken_and_counts_as_slow() -> None:
    calls = Calls()
    won = await race(calls.call("a", answer_s=9), calls.call("b", answer_s=0), lambda: True).run()
    assert (won, calls.cut) == ("b", ["a"])
    assert calls.branches["a"].lost_race
    assert not calls.branches["b"].lost_race


async def test_the_first_may_still_win() -> None:
    calls = Calls()
    won = await race(
        calls.call("a", answer_s=0.04), calls.call("b", answer_s=9), lambda: True
    ).run()
    assert (won, calls.cut) == ("a", ["b"])
    assert not calls.branches["a"].lost_race


async def test_only_one_is_ever_heard() -> None:
    calls = Calls()
    both = (
        calls.call("a", answer_s=0.05, speaks=True),
        calls.call("b", answer_s=0.03, speaks=True),
    )
    won = await race(*both, lambda: True).run()
    assert calls.said == [won]


async def test_what_has_begun_to_speak_is_not_hedged() -> None:
    calls = Calls()
    slow_talker = calls.call("a", answer_s=0.015, speaks=True)
    await race(slow_talker, calls.call("b", answer_s=0), lambda: True).run()
    assert (calls.said, list(calls.branches)) == (["a"], ["a"])


async def test_a_failure_waits_for_the_other() -> None:
    calls = Calls()
    first = calls.call("a", answer_s=0.03, fails=True)
    assert await race(first, calls.call("b", answer_s=0.04), lambda: True).run() == "b"
    both_fail = race(
        calls.call("a", answer_s=0.03, fails=True),
        calls.call("b", answer_s=0, fails=True),
        lambda: True,
    )
    assert await both_fail.run() is None


async def test_no_hedge_beyond_the_allowance() -> None:
    calls = Calls()
    won = await race(
        calls.call("a", answer_s=0.05), calls.call("b", answer_s=0), lambda: False
    ).run()
    assert (won, list(calls.branches)) == ("a", ["a"])


async def test_cancelling_the_request_cuts_both() -> None:
    calls = Calls()
    both = race(calls.call("a", answer_s=9), calls.call("b", answer_s=9), lambda: True)
    task = asyncio.create_task(both.run())
    await until(lambda: "b" in calls.branches)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(calls.cut) == ["a", "b"]


async def test_a_bug_in_a_call_is_raised() -> None:
    async def broken(_: HedgeBranch) -> str | None:
        raise RuntimeError("bug")

    calls = Calls()
    with pytest.raises(RuntimeError, match="bug"):
        await race(broken, calls.call("b", answer_s=0), lambda: True).run()
