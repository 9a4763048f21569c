from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.price_lists import load_price_book
from runtime.config.catalog import Catalog, Deployment
from runtime.config.config_file import check_config
from runtime.config.pricing import Pricing
from runtime.known.expansion import expand_document
from runtime.known.tables import known_tables

KNOWN: Final = known_tables()
ARTICLE: Final = [
    *("gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"),
    *("claude-3-5-sonnet", "claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-6"),
    *("mistral-large-2", "mistral-small-3", "mistral-nemo", "mixtral-8x7b"),
]
"""The models that the source article names."""


def file_of(line: str, models: str = "{}") -> str:
    return f"""
default_baseline: it
models: {models}
deployments:
  it: {line}
tiers: {{all: {{deployments: [it]}}}}
"""


def deployed(line: str, models: str = "{}") -> Deployment:
    catalog = check_config(file_of(line, models))
    assert isinstance(catalog, Catalog), catalog
    return catalog.deployments["it"]


@pytest.mark.parametrize("provider", KNOWN.providers)
@pytest.mark.parametrize("model", KNOWN.models)
def test_a_deployment_is_one_line(provider: str, model: str) -> None:
    line = f"{{model: {model}, provider: {provider}, region: eu-central-1, zone: here}}"
    deployment = deployed(line)
    assert deployment.zone == "here"
    assert deployment.provider == KNOWN.providers[provider].price
    assert deployment.base_url or deployment.base_url_env


@pytest.mark.parametrize("model", ARTICLE)
def test_every_model_of_the_article_is_known_and_priced_somewhere(model: str) -> None:
    pricing = Pricing(load_price_book())
    places = [deployed(f"{{model: {model}, provider: {p}, zone: z}}") for p in KNOWN.providers]
    assert any(pricing.rates_of(place) is not None for place in places)


def test_what_a_line_says_goes_before_the_preset() -> None:
    line = (
        "{model: gpt-4o, provider: openai, zone: eu, base_url: 'http://mine', wire_model: other,"
        " dialect: anthropic}"
    )
    deployment = deployed(line)
    assert (deployment.zone, deployment.base_url, deployment.wire_model, deployment.dialect) == (
        *("eu", "http://mine", "other", "anthropic"),
    )
    # an address of one's own: neither the provider's key nor its variable goes there
    assert (deployment.api_key_env, deployment.base_url_env) == (None, None)


@pytest.mark.parametrize(
    ("region", "wire_model", "zone"),
    [
        ("eu-central-1", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", "eu"),
        # the European profile may compute in the union, so London isn't the zone
        ("eu-west-2", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", "eu"),
        ("us-east-1", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "us"),
        ("ap-northeast-1", "jp.anthropic.claude-haiku-4-5-20251001-v1:0", "jp"),
        ("ap-southeast-2", "au.anthropic.claude-haiku-4-5-20251001-v1:0", "au"),
        ("us-gov-west-1", "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0", "us-gov"),
        # no profile of their own: the global one computes anywhere, and is nobody's residency
        ("ap-south-1", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "global"),
        ("ca-central-1", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "global"),
    ],
)
def test_bedrock_serves_anthropics_models_by_inference_profile(
    region: str, wire_model: str, zone: str
) -> None:
    deployment = deployed(f"{{model: claude-haiku-4-5, provider: bedrock, region: {region}}}")
    assert (deployment.wire_model, deployment.zone) == (wire_model, zone)
    assert deployment.base_url == f"https://bedrock-runtime.{region}.amazonaws.com"


def test_a_global_profile_has_the_global_price() -> None:
    pricing = Pricing(load_price_book())
    anywhere, near = (
        pricing.rates_of(deployed(f"{{model: claude-haiku-4-5, provider: bedrock, region: {r}}}"))
        for r in ("ap-south-1", "eu-central-1")
    )
    assert anywhere is not None
    assert near is not None
    assert (anywhere.input, near.input) == (Decimal(1), Decimal("1.1"))


def test_other_models_on_bedrock_stay_in_their_region() -> None:
    deployment = deployed("{model: mixtral-8x7b, provider: bedrock, region: eu-west-2}")
    assert (deployment.wire_model, deployment.zone) == ("mistral.mixtral-8x7b-instruct-v0:1", "uk")


@pytest.mark.parametrize(
    ("region", "zone"), [("ap-northeast-2", "kr"), ("ap-northeast-3", "jp"), ("ca-west-1", "ca")]
)
def test_a_neighbours_region_is_another_zone(region: str, zone: str) -> None:
    at_bedrock = deployed(f"{{model: mixtral-8x7b, provider: bedrock, region: {region}}}")
    assert at_bedrock.zone == zone


@pytest.mark.parametrize(
    ("region", "zone"),
    [("asia-northeast1", "jp"), ("asia-northeast3", "kr"), ("europe-west12", "eu")],
)
def test_vertexs_regions_are_zones_too(region: str, zone: str) -> None:
    line = f"{{model: gemini-2.5-flash, provider: vertex, account: p, region: {region}}}"
    assert deployed(line).zone == zone


def test_azure_foundry_speaks_each_familys_dialect() -> None:
    claude = deployed("{model: claude-haiku-4-5, provider: azure-foundry, account: acme, zone: us}")
    mistral = deployed("{model: mistral-small-3, provider: azure-foundry, account: acme, zone: eu}")
    assert (claude.dialect, mistral.dialect) == ("anthropic", "openai")
    assert claude.base_url == "https://acme.services.ai.azure.com/anthropic"
    assert mistral.base_url == "https://acme.services.ai.azure.com/openai/v1"


def test_vertex_wants_the_publisher_before_a_models_name() -> None:
    near = deployed("{model: gemini-2.5-flash, provider: vertex, account: p, region: europe-west4}")
    assert (near.wire_model, near.zone) == ("google/gemini-2.5-flash", "eu")
    assert near.base_url is not None
    assert near.base_url.startswith("https://europe-west4-aiplatform.googleapis.com/v1/projects/p/")
    anywhere = deployed("{model: mine, provider: vertex, account: p, zone: any}", "{mine: {}}")
    assert anywhere.wire_model == "google/mine"
    assert anywhere.base_url is not None
    assert anywhere.base_url.startswith("https://aiplatform.googleapis.com/v1/projects/p/")
    own = "{model: mine, provider: vertex, account: p, zone: us, wire_model: meta/llama-4}"
    assert deployed(own, "{mine: {}}").wire_model == "meta/llama-4"


def test_a_resellers_names_are_known() -> None:
    resold = deployed("{model: claude-haiku-4-5, provider: openrouter}")
    assert resold.wire_model == "anthropic/claude-haiku-4.5"
    assert Pricing(load_price_book()).rates_of(resold) is not None


@pytest.mark.parametrize("provider", ["azure", "azure-foundry", "vllm", "ollama", "llama.cpp"])
def test_a_zone_that_nobody_can_know_must_be_said(provider: str) -> None:
    problems = check_config(
        file_of(f"{{model: gpt-4o, provider: {provider}, region: swedencentral}}")
    )
    assert isinstance(problems, tuple)
    assert [problem.where for problem in problems] == ["deployments.it.zone"]


@pytest.mark.parametrize(
    "place",
    [
        "provider: ollama, zone: eu",
        'provider: mine, dialect: openai, base_url: "http://gpu", zone: eu, self_hosted: true',
    ],
)
def test_on_a_machine_of_ones_own_any_model_is_one_line(place: str) -> None:
    catalog = check_config(file_of(f"{{model: 'llama3.2:1b', {place}}}"))
    assert isinstance(catalog, Catalog)
    model = catalog.models["llama3.2:1b"]
    assert (model.context_window, model.max_output) == (8192, 4096)
    assert model.quality_class == "small"


def test_an_unknown_model_works_with_the_stated_defaults() -> None:
    catalog = check_config(file_of("{model: mine, provider: vllm, zone: eu}", "{mine: {}}"))
    assert isinstance(catalog, Catalog)
    model = catalog.models["mine"]
    assert (model.family, model.context_window, model.max_output) == ("mine", 8192, 4096)


def test_a_misspelt_model_is_a_mistake_and_not_an_unknown_one() -> None:
    problems = check_config(file_of("{model: gpt-4o-mimi, provider: openai}", "{gpt-4o-mini: {}}"))
    assert isinstance(problems, tuple)
    assert problems[0].fix.startswith("did you mean 'gpt-4o-mini'? (one that no table has: say ")


def test_the_file_overrides_a_known_model_field_by_field() -> None:
    catalog = check_config(
        file_of("{model: gpt-4o, provider: openai}", "{gpt-4o: {context_window: 999}}")
    )
    assert isinstance(catalog, Catalog)
    assert (catalog.models["gpt-4o"].context_window, catalog.models["gpt-4o"].family) == (
        *(999, "gpt-4o"),
    )


def test_without_address_or_variable_the_mistake_says_what_to_do() -> None:
    problems = check_config(
        file_of("{model: m, provider: bedrok, zone: eu}", "{m: {family: f, context_window: 9}}")
    )
    assert isinstance(problems, tuple)
    assert problems[0].where == "deployments.it.provider"
    assert "did you mean 'bedrock'?" in problems[0].fix
    assert "switchgear models providers" in problems[0].fix


_json: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["deployments", "models", "tiers", "x"]),
        _json
        | st.dictionaries(
            st.sampled_from(["gpt-4o", "a"]),
            _json
            | st.dictionaries(
                st.sampled_from(["model", "provider", "region", "account", "zone"]),
                _json | st.sampled_from(["gpt-4o", "bedrock", "openai", "{region"]),
            ),
        ),
    )
)
def test_whatever_the_file_holds_is_kept(document: dict[str, Any]) -> None:
    expanded = expand_document(document, KNOWN)
    for key, value in document.items():
        if key not in ("deployments", "models"):
            assert expanded[key] == value
    for name, entry in _entries(document.get("deployments")):
        for field, value in _entries(entry):
            if field != "provider":
                assert expanded["deployments"][name][field] == value


def _entries(value: object) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
