"""What is found once per set of demands is what each request would find for itself."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Demands
from runtime.config.catalog import Catalog
from runtime.config.eligibility import EligibleDeployments, fitting_deployments

PLACES: dict[str, dict[str, Any]] = {
    "small-us": {"zone": "us"},
    "small-own": {"zone": "eu", "self_hosted": True},
    "large-us": {"zone": "us"},
    "large-eu": {"zone": "eu", "on_request": True},
    "vectors-eu": {"zone": "eu"},
}
CATALOG = Catalog.model_validate(
    {
        "default_baseline": "large-us",
        "models": {
            "small": {"family": "f", "context_window": 100, "max_output": 20},
            "large": {
                "family": "f",
                "context_window": 1_000,
                "max_output": 200,
                "capabilities": ["tools", "images"],
            },
            "vectors": {"family": "f", "context_window": 500, "capabilities": ["embeddings"]},
        },
        "deployments": {
            name: {"model": name.split("-")[0], "provider": "p", "base_url": "http://x", **more}
            for name, more in PLACES.items()
        },
        "tiers": {
            "economy": {"deployments": ["small-us", "small-own", "vectors-eu"]},
            "standard": {"deployments": ["large-eu", "large-us", "small-us"]},
        },
    }
)
ONCE = EligibleDeployments(CATALOG)

demands = st.builds(
    Demands,
    zones=st.sampled_from([None, (), ("eu",), ("us", "eu")]),
    self_hosted_only=st.booleans(),
    needs=st.sampled_from([(), ("tools",), ("embeddings",), ("images", "tools")]),
    prompt_tokens=st.integers(0, 1_200),
    output_tokens=st.integers(0, 300),
    max_output=st.none() | st.integers(1, 300),
    model=st.sampled_from([None, "small", "large", "unknown"]),
    deployment=st.sampled_from([None, None, "small-us", "large-eu", "unknown"]),
)


@given(demands, st.sampled_from(["economy", "standard"]))
def test_the_same_deployments_in_the_same_order(asked: Demands, tier: str) -> None:
    assert ONCE.names(tier, asked) == list(fitting_deployments(CATALOG, tier, asked))


def test_zones_that_callers_make_up_take_bounded_memory() -> None:
    table = EligibleDeployments(CATALOG)
    for number in range(10_000):
        assert table.names("economy", Demands(zones=(f"z{number}",))) == []
    assert table.remembered <= 4_096
