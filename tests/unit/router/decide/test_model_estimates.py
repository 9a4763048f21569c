import pytest

from observability.price_lists import load_price_book
from producers.contract import Route, Routing
from router.serve.commands import explain_request, request_to_explain
from router.serve.model_file import default_model
from router.serve.process import routing_config
from runtime.config.catalog import MeasuredQuality
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing

CHAT = "hi there, how are you today?"


OWN = 'provider: vllm, base_url: "http://x", zone: z, price: '


def decide(economy: str, task: str | None = None, own: str = "acme-chat", **parts: str) -> Route:
    """With two tiers, whose economy tier is `economy`; parts: further sections, as YAML."""
    text = f"""
default_baseline: opus
models: {parts.get("models", f"{{{own}: {{}}}}")}
deployments:
  tiny: {{model: smollm2-135m, {OWN} {{input_per_mtok: 0.01, output_per_mtok: 0.01}}}}
  own: {{model: {own}, {OWN} {{input_per_mtok: 0.02, output_per_mtok: 0.02}}}}
  mini: {{model: gpt-4o-mini, provider: openai}}
  opus: {{model: claude-opus-4-6, provider: anthropic}}
tiers:
  economy: {{order: {parts.get("order", "cheapest")}, deployments: [{economy}], next: premium}}
  premium: {{deployments: [opus]}}
policy: {parts.get("policy", "{}")}
"""
    catalog = parse_config(text)
    config = routing_config(catalog, Pricing(load_price_book()), default_model())
    asked = request_to_explain(CHAT, routing=Routing(task=task))
    decision = explain_request(asked, config).decision
    assert isinstance(decision, Route), decision
    return decision


def success(route: Route, tier: str = "economy") -> float:
    return next(c.success or 0 for c in route.candidates if c.tier == tier)


def test_a_tiny_model_is_not_worth_the_place_of_its_tier() -> None:
    route = decide("tiny")
    assert success(route) < 0.6
    assert route.tier == "premium"
    origin = route.candidates[0].origin
    assert origin == "smollm2-135m isn't measured: by its public class, tiny"


@pytest.mark.parametrize(
    ("own", "best"), [("qwen2.5-0.5b", 0.6), ("acme-3b-instruct", 0.9), ("acme-13b", 0.97)]
)
def test_an_unlisted_model_is_judged_by_the_size_in_its_name(own: str, best: float) -> None:
    assert success(decide("own", own=own)) < best


def test_of_an_unknown_model_its_place_among_the_tiers_speaks_and_it_says_so() -> None:
    route = decide("own")
    assert route.tier == "economy"
    assert any("nothing is known of acme-chat" in reason for reason in route.reasons)


def test_the_file_may_say_the_class() -> None:
    route = decide("own", models="{acme-chat: {quality_class: tiny}}")
    assert success(route) < 0.6


def test_what_an_evaluation_measured_goes_before_class_and_profile() -> None:
    quality = "{success: 0.91, cases: 1000, evaluation: tickets-nov}"
    route = decide(
        "tiny",
        task="tickets",
        models=f"{{acme-chat: {{}}, smollm2-135m: {{quality: {{tickets: {quality}}}}}}}",
        policy="{tasks: {tickets: {success: {economy: 0.5}}}}",
    )
    assert route.tier == "economy"
    assert success(route) == 0.91
    words = "smollm2-135m was measured by evaluation tickets-nov on 1,000 cases"
    assert route.candidates[0].origin == words
    assert words in route.reasons


def test_a_number_alone_is_a_measured_quality() -> None:
    assert MeasuredQuality(success=0.9).cases is None
    models = "{acme-chat: {}, smollm2-135m: {quality: {tickets: 0.3}}}"
    assert success(decide("tiny", task="tickets", models=models)) == 0.3


def test_a_quality_at_every_task_stands_in_where_a_task_has_none() -> None:
    models = '{acme-chat: {}, smollm2-135m: {quality: {tickets: 0.3, "*": 0.85}}}'
    assert success(decide("tiny", task="tickets", models=models)) == 0.3
    assert success(decide("tiny", models=models)) == 0.85


def test_a_tier_is_worth_the_first_of_its_models_that_is_good_enough() -> None:
    route = decide("tiny, mini")
    assert route.tier == "economy"
    assert route.avoid == ("tiny",)
    assert "gpt-4o-mini" in (route.candidates[0].origin or "")


def test_nothing_is_avoided_where_the_first_is_good_enough() -> None:
    assert decide("mini, tiny", order="listed").avoid == ()


def test_where_no_model_meets_the_floor_the_tier_is_worth_its_best() -> None:
    route = decide("tiny, mini", policy="{min_quality: 0.999}")
    assert route.tier == "premium"
    assert success(route) > 0.9


def test_where_an_error_has_a_price_the_model_of_the_least_total_goes_first() -> None:
    models = (
        "{acme-chat: {}, smollm2-135m: {quality: {t: 0.85}}, gpt-4o-mini: {quality: {t: 0.95}}}"
    )
    for usd, avoided in ((0.000001, ("mini",)), (1, ("tiny",))):
        policy = f"{{tasks: {{t: {{error_cost_usd: {usd}, tiers: [economy]}}}}}}"
        assert decide("tiny, mini", task="t", models=models, policy=policy).avoid == avoided
