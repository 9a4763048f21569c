"""Order of the tiers: circles of `next`, and rules whose lowest tier is above their highest."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from runtime.config.tier_order import tier_order_mistakes

NAMES: Final = ["a", "b", "c", "d", "e"]
CHAINS: Final = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from([*NAMES, None]) for name in NAMES}
)


def leads_back(start: str, chain: dict[str, str | None]) -> bool:
    """Whether `start` comes again within as many steps as there are tiers."""
    tier = chain.get(start)
    for _ in chain:
        if tier == start:
            return True
        tier = None if tier is None else chain.get(tier)
    return False


@given(CHAINS)
def test_each_circle_is_named_once(chain: dict[str, str | None]) -> None:
    tiers = {name: {"next": following} for name, following in chain.items()}
    mistakes = list(tier_order_mistakes({"tiers": tiers}))
    in_circles = {name for name in chain if leads_back(name, chain)}
    ways = [mistake.what.removeprefix("leads back: ").split(" → ") for mistake in mistakes]
    assert {name for way in ways for name in way} == in_circles
    assert sum(len(way) - 1 for way in ways) == len(in_circles)
    assert all(
        way[0] == way[-1] == mistake.path[1] for way, mistake in zip(ways, mistakes, strict=True)
    )


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_rule_needs_a_tier_between_its_bounds(lowest: str, highest: str) -> None:
    rules = [{"at_least": lowest}, {"at_least": lowest, "at_most": highest}]
    document = {"tiers": dict.fromkeys(NAMES), "policy": {"rules": rules}}
    paths = [mistake.path for mistake in tier_order_mistakes(document)]
    wrong = [("policy", "rules", "1", "at_least")] if lowest > highest else []
    assert paths == wrong


@given(
    st.recursive(
        st.none() | st.text(),
        lambda part: (
            st.lists(part)
            | st.dictionaries(st.sampled_from(["tiers", "policy", "rules", "next", "a"]), part)
        ),
    )
)
def test_data_of_any_form_is_looked_through(document: object) -> None:
    mistakes = tier_order_mistakes(document) if isinstance(document, dict) else ()
    assert {mistake.path[0] for mistake in mistakes} <= {"tiers", "policy"}
