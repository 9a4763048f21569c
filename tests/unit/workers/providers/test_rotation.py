from pathlib import Path
from typing import Final

import pytest

from dev.simulator.process import simulated_providers
from runtime.config.catalog import Catalog
from runtime.config.config_file import check_config
from workers.providers.rotation import missing_variable, rotation_of

read = check_config(Path("switchgear.yaml").read_text("utf-8"))
assert isinstance(read, Catalog)
CATALOG: Final = read


def test_with_every_key_everything_is_in_rotation() -> None:
    rotation = rotation_of(CATALOG, simulated_providers("http://x"))
    assert rotation.missing == {}
    assert rotation.catalog is CATALOG


def test_what_lacks_a_key_leaves_its_tiers_and_the_variable_is_named() -> None:
    environment = {"OPENAI_API_KEY": "sk"}
    rotation = rotation_of(CATALOG, environment)
    assert rotation.catalog.tiers["economy"].deployments == (
        *("openai-gpt-4o-mini", "openai-gpt-3.5-turbo"),
    )
    assert rotation.missing["bedrock-haiku-4.5"] == "AWS_ACCESS_KEY_ID"
    assert rotation.missing["self-hosted-mistral-nemo"] == "VLLM_BASE_URL"
    assert rotation.missing["azure-haiku-4.5"] == "AZURE_FOUNDRY_API_KEY"
    # its price is still needed: savings are compared with it
    assert "anthropic-opus-4.6" in rotation.catalog.deployments


def test_a_tier_without_any_key_stays_so_that_its_calls_name_what_is_missing() -> None:
    rotation = rotation_of(CATALOG, {})
    assert rotation.catalog.tiers == CATALOG.tiers
    assert rotation.missing.keys() == CATALOG.deployments.keys()


@pytest.mark.parametrize(
    "variable", ["AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
)
def test_a_sign_of_the_credential_chain_is_enough_for_bedrock(variable: str) -> None:
    assert missing_variable(CATALOG.deployments["bedrock-haiku-4.5"], {variable: "x"}) is None


def test_a_blank_key_is_none() -> None:
    assert (
        missing_variable(CATALOG.deployments["openai-gpt-4o"], {"OPENAI_API_KEY": " \n"})
        == "OPENAI_API_KEY"
    )


@pytest.mark.parametrize(
    "address", ["https://user:word@host", "http://host:99999", "host:8000/v1", "http://h\n/v1"]
)
def test_an_address_that_leads_nowhere_is_out_of_rotation_and_not_quoted(address: str) -> None:
    deployment = CATALOG.deployments["self-hosted-mistral-nemo"]
    problem = missing_variable(deployment, {"VLLM_BASE_URL": address})
    assert problem is not None
    assert problem.startswith("VLLM_BASE_URL (")
    assert "word" not in problem
