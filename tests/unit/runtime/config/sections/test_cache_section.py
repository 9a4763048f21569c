import pytest
from pydantic import ValidationError

from runtime.config.sections.cache import CacheSettings


def test_a_tenant_beats_a_tier_beats_the_defaults() -> None:
    settings = CacheSettings.model_validate(
        {
            "defaults": {"ttl_s": 60, "shadow_share": 0.5},
            "tiers": {"premium": {"ttl_s": 10, "steps": ["exact"]}},
            "tenants": {"acme": {"ttl_s": 5}},
        }
    )
    acme = settings.policy("acme", "premium")
    assert (acme.ttl_s, acme.steps, acme.shadow_share) == (5, frozenset({"exact"}), 0.5)
    assert settings.policy("other", "economy").ttl_s == 60


@pytest.mark.parametrize(
    "section",
    [
        {"tenants": {"acme": {"tll_s": 5}}},
        {"tiers": {"premium": {"steps": ["fuzzy"]}}},
        {"defaults": {"target_false_hits": 0}},
        {"no_such_key": 1},
        {"defaults": {"steps": ["semantic"]}},
    ],
)
def test_a_mistake_is_told_when_the_file_is_read(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CacheSettings.model_validate(section)
