import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.contract import Route
from router.decide import policy, success_model
from router.decide.caller_overrides import RouteRejected
from router.decide.tier_candidates import RoutingConfig
from router.serve.model_file import default_model
from router.text import features
from runtime.config.catalog import Catalog
from runtime.config.eligibility import fitting_deployments
from runtime.config.sections.policy import PolicySettings
from tests.unit.router.routing_cases import catalog, decide, rejected, request, route

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
HARD = (
    "Prove by induction that the sum of the first n odd integers equals n squared, then derive the "
    "closed form of the related equation and justify each step of the theorem. " * 4
)


def test_an_easy_question_goes_to_the_cheapest_tier_and_says_why() -> None:
    decision = route(request())
    assert decision.tier == "economy"
    assert "floor 80% by default" in decision.reasons[0]
    assert [c.tier for c in decision.candidates] == ["economy", "standard", "premium"]
    assert all(c.success and c.cost_micro_usd for c in decision.candidates)


def test_the_named_tier_is_taken_from_routing_or_model() -> None:
    assert route(request(routing={"tier": "premium"})).tier == "premium"
    assert route(request(body={"model": "standard"})).tier == "standard"
    assert route(request(body={"model": "economy"}, routing={"tier": "premium"})).tier == "premium"


def test_a_named_model_binds_the_worker_to_it() -> None:
    decision = route(request(body={"model": "medium"}))
    assert (decision.tier, decision.model) == ("standard", "medium")


def test_a_named_deployment_binds_the_worker_to_it() -> None:
    decision = route(request(body={"model": "std-eu"}))
    assert (decision.tier, decision.model) == ("standard", "medium")
    assert decision.demands.deployment == "std-eu"
    book = catalog()
    assert list(fitting_deployments(book, "standard", decision.demands)) == ["std-eu"]
    refused = rejected(request(body={"model": "std-us"}, tenant="bank"))
    assert "in zone us, data must stay in eu" in refused.message


def test_an_evaluation_gets_the_first_answer_without_its_tasks_checks() -> None:
    checks = {"tasks": {"sums": {"validators": [{"kind": "contains", "texts": ["4"]}]}}}
    routing = {"task": "sums"}
    assert route(request(routing=routing), policy_section=checks).validators
    tagged = request(routing={**routing, "tags": {"evaluation": "trial"}})
    assert route(tagged, policy_section=checks).validators == ()


def test_an_alias_serves_a_caller_that_cannot_be_changed() -> None:
    asked = request(body={"model": "gpt-4"})
    assert route(asked, policy_section={"aliases": {"gpt-4": "auto"}}).tier == "economy"
    assert rejected(asked).code == "unknown_model"


@pytest.mark.parametrize(
    ("parts", "code", "hint"),
    [
        ({"routing": {"tier": "premum"}}, "unknown_tier", "'premium'"),
        ({"body": {"model": "gpt-9"}}, "unknown_model", "economy, standard, premium, small"),
        (
            {"body": {"model": "large"}, "routing": {"tier": "economy"}},
            "no_deployment_fits",
            "large",
        ),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(
    parts: dict[str, Any], code: str, hint: str
) -> None:
    refusal = rejected(request(**parts))
    assert refusal.code == code
    assert hint in refusal.message


def test_a_stranger_is_refused_when_the_catalog_serves_none() -> None:
    book = catalog()
    closed = book.model_copy(update={"tenants": {"bank": book.tenants["bank"]}})
    config = RoutingConfig(closed, PolicySettings(), lambda _name, _usage: None, default_model())
    found = features.extract_features(request())
    decision = policy.choose_route(
        request(), found, success_model.score_features(found, config.model), config
    )
    assert not isinstance(decision, Route)
    assert decision.code == "unknown_tenant"


def test_images_and_schemas_need_a_model_that_can() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert route(request(body={"response_format": schema})).tier == "standard"
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]
    decision = route(request(image))
    assert decision.tier == "standard"
    assert decision.candidates[0].rejected == "can't do images"


def test_a_long_prompt_goes_where_it_fits_or_is_refused() -> None:
    assert route(request("word " * 10_000)).tier == "standard"
    refusal = rejected(request("word " * 200_000))
    assert refusal.code == "context_too_long"
    assert "200000" in refusal.message


def test_a_price_limit_excludes_dear_tiers() -> None:
    limited = request(routing={"max_cost_usd": "0.000001"})
    assert rejected(limited).code == "no_deployment_fits"
    assert (
        route(request(HARD, routing={"max_cost_usd": "0.02", "min_quality": 1})).tier == "standard"
    )


def test_a_higher_floor_buys_a_higher_tier() -> None:
    tiers = [route(request(HARD, routing={"min_quality": q})).tier for q in (0.1, 0.7, 0.99)]
    assert tiers[0] == "economy"
    assert tiers[-1] == "premium"
    assert route(request(HARD, tenant="strict")).tier == "premium"


def test_a_nearly_spent_budget_lowers_the_floor_and_a_spent_one_refuses() -> None:
    asked = request(HARD, routing={"min_quality": 0.75})
    assert route(asked).tier != "economy"
    pressed = {"budget": {"soft": 0.5, "concession": 0.7}}
    assert route(asked, budget_used=0.99, policy_section=pressed).tier == "economy"
    assert rejected(asked, budget_used=1.0).code == "budget_exceeded"
    spent = {"budget": {"when_spent": "cheapest"}}
    assert route(asked, budget_used=1.2, policy_section=spent).tier == "economy"


def test_rules_of_the_operator_come_first() -> None:
    rules = [
        {"when": {"tasks": ["invoices"]}, "at_least": "premium", "because": "audited"},
        {"when": {"tags": {"team": "play"}}, "at_most": "economy", "because": "a hobby"},
    ]
    raised = route(request(routing={"task": "invoices"}), policy_section={"rules": rules})
    assert raised.tier == "premium"
    assert raised.reasons[0] == "at least premium: audited"
    capped = request(HARD, routing={"tags": {"team": "play"}, "min_quality": 0.99})
    assert route(capped, policy_section={"rules": rules}).tier == "economy"
    dear = request(routing={"tags": {"team": "play"}, "tier": "premium"})
    assert "a hobby" in rejected(dear, policy_section={"rules": rules}).message


def test_a_rule_never_outweighs_residency() -> None:
    rules = [{"when": {}, "at_least": "premium", "because": "always"}]
    decision = route(request(tenant="bank"), policy_section={"rules": rules})
    assert (decision.tier, decision.zone) == ("standard", "eu")


def test_the_cost_of_an_error_buys_quality() -> None:
    def tier(cost: str) -> str:
        tasks = {"legal": {"error_cost_usd": cost, "min_quality": 0.0}}
        asked = request(HARD, routing={"task": "legal"})
        return route(asked, policy_section={"tasks": tasks}).tier

    assert tier("0") == "economy"
    assert tier("100") == "premium"


def test_checked_answers_may_cascade_when_that_is_cheaper() -> None:
    checks = [{"kind": "contains", "texts": ["total"]}]
    routing = {"task": "sums", "validators": checks, "min_quality": 0.95}
    tasks = {"sums": {"success": {"economy": 0.8, "standard": 0.95, "premium": 0.99}}}
    decision = route(request(routing=routing), policy_section={"tasks": tasks})
    assert (decision.tier, decision.cascade) == ("economy", True)
    assert "cascade" in decision.reasons[1]
    rule = {"when": {"tasks": ["sums"]}, "at_least": "standard", "because": "audited"}
    raised = route(request(routing=routing), policy_section={"tasks": tasks, "rules": [rule]})
    assert raised.tier == "standard"
    off = {"tasks": tasks, "cascade": {"enabled": False}}
    assert route(request(routing=routing), policy_section=off).tier == "standard"
    unchecked = request(routing={"task": "sums", "min_quality": 0.95})
    assert not route(unchecked, policy_section={"tasks": tasks}).cascade


def test_an_undefined_tier_in_the_policy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"policy.rules.0.at_least: 'platinum' is not defined"):
        catalog(rules=[{"when": {}, "at_least": "platinum"}])


def test_residency_and_self_hosting_bind_the_zone() -> None:
    assert route(request(routing={"residency": ["eu"]})).zone == "eu"
    assert route(request()).zone is None
    assert route(request(tenant="cave")).zone == "cellar"
    assert route(request(tenant="bank", routing={"residency": ["eu", "us"]})).zone == "eu"
    exclusive = request(tenant="bank", routing={"residency": ["us"]})
    assert rejected(exclusive).code == "no_deployment_fits"


ZONES = st.sampled_from(["eu", "us", "asia", "cellar"])
DEPLOYMENTS = st.lists(st.tuples(ZONES, st.booleans()), min_size=1, max_size=6)


@dataclass(frozen=True)
class Demand:
    """What a request and its tenant demand together."""

    asked: list[str]
    imposed: list[str]
    own: bool

    def allows(self, place: tuple[str, bool]) -> bool:
        """The rule, stated a second time and in another way than the router states it."""
        zone, self_hosted = place
        if self.own and not self_hosted:
            return False
        if not self.asked and not self.imposed:
            return True
        limits = [set(limit) for limit in (self.asked, self.imposed) if limit]
        common = set.intersection(*limits)
        return zone in common


@given(
    tiers=st.lists(DEPLOYMENTS, min_size=1, max_size=4),
    demand=st.builds(
        Demand,
        asked=st.lists(ZONES, max_size=3, unique=True),
        imposed=st.lists(ZONES, max_size=3, unique=True),
        own=st.booleans(),
    ),
    quality=st.floats(0, 1),
    order=st.sampled_from(["listed", "cheapest"]),
)
def test_data_never_leaves_its_zones_over_random_catalogs(
    tiers: list[list[tuple[str, bool]]], demand: Demand, quality: float, order: str
) -> None:
    book = _random_catalog(tiers, demand.imposed, order)
    routing = {"residency": demand.asked, "self_hosted_only": demand.own, "min_quality": quality}
    one = request("x", tenant="t", routing=routing)
    found = features.extract_features(one)
    config = RoutingConfig(book, PolicySettings(), lambda _name, _usage: None, default_model())
    decision = policy.choose_route(
        one, found, success_model.score_features(found, config.model), config
    )
    if not isinstance(decision, Route):
        assert decision.code == "no_deployment_fits"
        assert not any(demand.allows(place) for tier in tiers for place in tier)
        return
    pool = tiers[int(decision.tier.removeprefix("t"))]
    assert any(demand.allows(place) and decision.zone in {None, place[0]} for place in pool)
    called = set(fitting_deployments(book, decision.tier, decision.demands))
    named = {f"d{decision.tier[1:]}.{j}": place for j, place in enumerate(pool)}
    assert called == {name for name, place in named.items() if demand.allows(place)}
    assert (decision.zone is not None) == bool(demand.asked or demand.imposed or demand.own)


def _random_catalog(tiers: list[list[tuple[str, bool]]], imposed: list[str], order: str) -> Catalog:
    names = {
        f"d{i}.{j}": {
            "model": "m",
            "provider": "p",
            "base_url": "http://x",
            "zone": zone,
            "self_hosted": hosted,
        }
        for i, tier in enumerate(tiers)
        for j, (zone, hosted) in enumerate(tier)
    }
    return Catalog.model_validate(
        {
            "default_baseline": "d0.0",
            "models": {"m": {"family": "f", "context_window": 9_000}},
            "deployments": names,
            "tiers": {
                f"t{i}": {"deployments": [f"d{i}.{j}" for j in range(len(tier))], "order": order}
                for i, tier in enumerate(tiers)
            },
            "tenants": {"*": {"residency": imposed}},
        }
    )


def test_the_decision_is_the_same_every_time() -> None:
    assert decide(request(HARD)) == decide(request(HARD))


contents = (
    st.none()
    | st.text(max_size=60)
    | st.lists(
        st.one_of(
            st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=40)),
            st.dictionaries(
                st.sampled_from(["type", "text", "image_url"]), json_values, max_size=3
            ),
        ),
        max_size=3,
    )
)
messages = st.lists(
    st.builds(
        lambda role, content, more: {**more, "role": role} | content,
        st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        st.just({}) | st.builds(lambda content: {"content": content}, contents),
        st.dictionaries(st.sampled_from(["name", "refusal"]), json_values, max_size=1),
    ),
    min_size=1,
    max_size=5,
)


@given(st.text() | st.text("?!.\u00bf\u061f\uff1f\u2026 \n\t\U0001f600", max_size=8))
@example("??")
@example("\uff1f")
@example("\u061f")
@example("?!?")
@example("\U0001f600")
@example(" ")
def test_any_prompt_is_decided_on(prompt: str) -> None:
    assert isinstance(decide(request(prompt)), Route)


@given(messages)
def test_any_messages_that_the_contract_takes_are_decided_on(asked: list[dict[str, Any]]) -> None:
    assert isinstance(decide(request(asked)), Route | RouteRejected)


def test_turns_without_a_word_cost_no_more_than_their_number() -> None:
    asked = request("x")
    # more than the contract takes: what is counted here doesn't rest on its limit
    asked.body.messages[:] = [{"role": "user", "content": ""}] * 33_000
    begun = time.process_time()
    assert features.extract_features(asked).turns == 33_000
    assert time.process_time() - begun < 3
