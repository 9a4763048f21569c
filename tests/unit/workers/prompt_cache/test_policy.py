"""The decision to mark a prefix, as a pure function of prices and repetition."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.prices import TokenRates
from producers.contract import ChatBody
from workers.prompt_cache.policy import (
    Breakpoints,
    Prefix,
    Prefixes,
    PrefixUses,
    Unmarked,
    decide_cache_plan,
    minimum_prefix_tokens,
    prefixes,
    saving_per_token,
)

SONNET = TokenRates(Decimal(3), Decimal("0.3"), Decimal("3.75"), Decimal(6), Decimal(15))
NO_CACHE = TokenRates(Decimal(3), Decimal(3), Decimal(3), Decimal(3), Decimal(15))
SYSTEM = Prefix("system", "s", 2000)
TURN = Prefix(4, "t", 3000)


def found(*marks: Prefix) -> Prefixes:
    return Prefixes(marks, tuple(mark.name for mark in marks))


def test_a_prefix_seen_for_the_first_time_is_not_marked() -> None:
    assert isinstance(decide_cache_plan(found(SYSTEM), {}, SONNET, 1024).plan, Unmarked)


def test_the_second_use_within_minutes_is_marked() -> None:
    decision = decide_cache_plan(found(SYSTEM), {"s": PrefixUses(1, 1)}, SONNET, 1024)
    assert decision.plan == Breakpoints(("system",), "5m")
    assert decision.prefix == "s"
    assert decision.saving_micro_usd > 0


def test_a_prefix_that_comes_every_ten_minutes_is_kept_for_an_hour() -> None:
    decision = decide_cache_plan(found(SYSTEM), {"s": PrefixUses(0.5, 6)}, SONNET, 1024)
    assert decision.plan == Breakpoints(("system",), "1h")


def test_a_prefix_that_comes_every_other_day_is_not_marked() -> None:
    assert isinstance(
        decide_cache_plan(found(SYSTEM), {"s": PrefixUses(0, 0.02)}, SONNET, 1024).plan, Unmarked
    )


def test_a_prefix_below_the_model_s_minimum_is_not_marked() -> None:
    plan = decide_cache_plan(found(SYSTEM), {"s": PrefixUses(100, 1000)}, SONNET, 4096).plan
    assert plan == Unmarked("no prefix of 4096 tokens")


def test_without_a_price_for_cached_tokens_nothing_is_marked() -> None:
    decision = decide_cache_plan(found(SYSTEM), {"s": PrefixUses(100, 1000)}, NO_CACHE, 1024)
    assert isinstance(decision.plan, Unmarked)


def test_the_end_of_a_conversation_is_marked_beside_its_system_prompt() -> None:
    uses = {"s": PrefixUses(50, 500), "t": PrefixUses(1, 1)}
    decision = decide_cache_plan(found(SYSTEM, TURN), uses, SONNET, 1024)
    assert decision.plan == Breakpoints(("system", 4), "5m")


def test_a_prefix_inside_of_one_that_comes_as_often_needs_no_mark_of_its_own() -> None:
    tools = Prefix("tools", "t", 1500)
    uses = {"t": PrefixUses(9, 90), "s": PrefixUses(9, 90)}
    assert decide_cache_plan(found(tools, SYSTEM), uses, SONNET, 1024).plan == Breakpoints(
        ("system",), "5m"
    )


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-sonnet-4-6", 1024),
        ("claude-haiku-4-5-20251001", 4096),
        ("eu.anthropic.claude-opus-4-6-v1", 4096),
        ("claude-opus-4-7", 2048),
        ("claude-3-5-haiku-20241022", 2048),
        ("claude-opus-5", 512),
    ],
)
def test_every_model_has_its_minimum(model: str, tokens: int) -> None:
    assert minimum_prefix_tokens(model) == tokens


@given(st.floats(0, 1))
def test_five_minutes_pay_from_the_break_even_hit_rate_on(probability: float) -> None:
    """Write 1.25, read 0.1: h must exceed 0.25 / 1.15."""
    assert (saving_per_token(SONNET, probability, "5m") > 0) is (probability > 0.25 / 1.15)


@given(
    st.integers(1024, 100_000),
    st.floats(0, 1e4),
    st.floats(0, 1e5),
)
def test_a_mark_is_set_only_if_it_is_expected_to_save(
    tokens: int, short: float, long: float
) -> None:
    decision = decide_cache_plan(
        found(Prefix("system", "s", tokens)), {"s": PrefixUses(short, long)}, SONNET, 1024
    )
    assert isinstance(decision.plan, Breakpoints) is (decision.saving_micro_usd > 0)
    best = tokens * (SONNET.input - SONNET.cache_read)
    assert decision.saving_micro_usd <= best


def body(*texts: tuple[str, str], tools: bool = False) -> ChatBody:
    messages = [{"role": role, "content": text} for role, text in texts]
    return ChatBody.model_validate(
        {"messages": messages, "tools": [{"function": {"name": "f"}}] if tools else None}
    )


def test_prefixes_are_named_in_the_order_that_is_cached() -> None:
    asked = body(("system", "S" * 400), ("user", "hello"), tools=True)
    made = prefixes(asked, "tenant", 4)
    assert [mark.anchor for mark in made.candidates] == ["tools", "system"]
    assert made.count_under == tuple(mark.name for mark in made.candidates)
    assert made.candidates[1].tokens > 100


def test_the_same_prefix_has_the_same_name_and_another_tenant_s_has_not() -> None:
    one = prefixes(body(("system", "S"), ("user", "a")), "tenant", 4)
    two = prefixes(body(("system", "S"), ("user", "b")), "tenant", 4)
    other = prefixes(body(("system", "S"), ("user", "a")), "other", 4)
    assert one.candidates == two.candidates
    assert one.candidates[0].name != other.candidates[0].name


def test_a_conversation_s_next_turn_finds_the_turn_before() -> None:
    turns = [("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2")]
    second = prefixes(body(*turns[:3]), "t", 4)
    third = prefixes(body(*turns, ("user", "three")), "t", 4)
    assert third.candidates[-1].name in second.count_under
    assert third.candidates[-1].anchor == 4


def test_single_questions_leave_no_name_behind() -> None:
    assert prefixes(body(("user", "only")), "t", 4).count_under == ()


def test_many_messages_cost_no_more_than_their_number() -> None:
    rules = [("system", "S" * 20 + str(n)) for n in range(15_000)]
    turns = [*rules, *(("user", str(n)) for n in range(15_000))]
    asked = body(("user", "x"))
    # more than the contract takes: what is counted here doesn't rest on its limit
    asked.messages[:] = [body(turn).messages[0] for turn in turns]
    begun = time.process_time()
    assert len(prefixes(asked, "t", 4).candidates) == 2
    assert time.process_time() - begun < 3
