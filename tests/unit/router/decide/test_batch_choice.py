"""Batch choice: who may wait, where it is cheaper, and in what words."""

from decimal import Decimal
from typing import Any

import pytest

from observability.price_lists import load_price_book
from producers.contract import Demands, Request, Route
from router.decide.batch_choice import CallAtOnce, WaitForBatch, batch_choice
from router.decide.tier_candidates import RoutingConfig
from router.decide.warm_prefixes import WarmPrefixes
from router.serve.model_file import default_model
from router.serve.process import routing_config
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing

HOUR = 3600.0


def config(
    *, offer: dict[str, Any] | None = None, tenant: dict[str, Any] | None = None, **waiting: object
) -> RoutingConfig:
    place = {"model": "claude-haiku-4-5", "provider": "anthropic", "dialect": "anthropic"}
    deployment = {**place, "base_url": "http://x", "zone": "us", "batch": offer or {}}
    catalog = Catalog.model_validate(
        {
            "default_baseline": "d",
            "models": {"claude-haiku-4-5": {"family": "claude", "context_window": 200_000}},
            "deployments": {"d": deployment},
            "tiers": {"economy": {"deployments": ["d"]}},
            "tenants": {"t": tenant or {}},
            "policy": {"waiting": waiting},
        }
    )
    return routing_config(catalog, Pricing(load_price_book()), default_model())


def choose(
    settings: RoutingConfig,
    routing: dict[str, Any] | None = None,
    *,
    deadline_s: float | None = None,
    warm_tokens: int = 0,
    demands: Demands | None = None,
    **body: object,
) -> WaitForBatch | CallAtOnce:
    said = {"messages": [{"role": "user", "content": "x"}], **body}
    told = {"id": "r", "tenant": "t", "body": said, "routing": routing or {}}
    demands = demands or Demands(prompt_tokens=10_000, output_tokens=200)
    route = Route(tier="economy", demands=demands)
    return batch_choice(
        Request.model_validate(told),
        route,
        settings,
        deadline_s=deadline_s,
        warm_tokens=warm_tokens,
    )


PATIENT = {"latency": "batch"}


@pytest.mark.parametrize(
    ("routing", "deadline_s", "waits"),
    [
        ({}, None, False),
        (PATIENT, None, True),
        ({}, 26 * HOUR, True),
        ({}, 26 * HOUR - 1, False),
        (PATIENT, 22 * HOUR, True),
        (PATIENT, 22 * HOUR - 1, False),
        ({"latency": "batch", "conversation": "c", "ordered": True}, None, False),
        ({"latency": "batch", "cache": {"mode": "only-if-cached"}}, None, False),
    ],
)
def test_who_may_wait(routing: dict[str, Any], deadline_s: float | None, waits: bool) -> None:  # noqa: FBT001
    choice = choose(config(), routing, deadline_s=deadline_s)
    assert isinstance(choice, WaitForBatch) is waits


def test_short_deadlines_wait_where_the_operator_says_so() -> None:
    settings = config(short_deadlines=True)
    assert isinstance(choose(settings, PATIENT, deadline_s=HOUR), WaitForBatch)
    assert isinstance(choose(settings, PATIENT, deadline_s=HOUR - 1), CallAtOnce)
    assert isinstance(choose(settings, {}, deadline_s=5 * HOUR), CallAtOnce)


def test_streams_and_tenants_that_keep_nothing_at_providers_do_not_wait() -> None:
    assert isinstance(choose(config(), PATIENT, stream=True), CallAtOnce)
    assert isinstance(choose(config(tenant={"batches": False}), PATIENT), CallAtOnce)


def test_a_batch_has_a_residency_of_its_own() -> None:
    within = Demands(prompt_tokens=100, output_tokens=10, zones=("us",))
    here = choose(config(), PATIENT, demands=within)
    assert isinstance(here, WaitForBatch)
    assert here.zone == "us"
    anywhere = config(offer={"zone": "anywhere"})
    assert isinstance(choose(anywhere, PATIENT, demands=within), CallAtOnce)
    unbound = choose(anywhere, PATIENT)
    assert isinstance(unbound, WaitForBatch)
    assert unbound.zone is None


def test_the_choice_is_said_in_money() -> None:
    choice = choose(config(), PATIENT)
    assert isinstance(choice, WaitForBatch)
    assert choice.reason == "may wait: $0.00550 in a batch instead of $0.0110 at once"


@pytest.mark.parametrize(("share", "waits"), [(0.6, True), (0.62, False)])
def test_a_warm_prefix_beats_a_cold_batch_from_61_percent_on(share: float, waits: bool) -> None:  # noqa: FBT001
    """For an answer that costs a tenth of the prompt: Claude reads the cache at a tenth."""
    demands = Demands(prompt_tokens=10_000, output_tokens=200)
    choice = choose(config(), PATIENT, demands=demands, warm_tokens=int(10_000 * share))
    assert isinstance(choice, WaitForBatch) is waits
    if isinstance(choice, CallAtOnce):
        assert "a warm prefix of 62%" in choice.reason


def test_without_a_price_for_the_batch_it_is_not_cheaper() -> None:
    settings = config()
    unpriced = RoutingConfig(
        settings.catalog, settings.settings, lambda *_: Decimal(1), default_model()
    )
    choice = choose(unpriced, PATIENT)
    assert isinstance(choice, CallAtOnce)
    assert "no batch of the tier has a known price" in choice.reason


def test_a_prefix_is_warm_for_four_minutes() -> None:
    warm = WarmPrefixes()
    warm.used("p", 100.0)
    assert warm.warm("p", 339.0)
    assert not warm.warm("p", 340.0)
    assert not warm.warm("q", 100.0)
