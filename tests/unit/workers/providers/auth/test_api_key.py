"""API keys: what is no key never reaches a header, and is never shown."""

import pytest

from runtime.config.catalog import Deployment
from workers.providers.auth.api_key import api_key_authorizer
from workers.providers.auth.aws import aws_authorizer
from workers.providers.base.call_outcome import BadCredentials

DEPLOYMENT = Deployment(
    model="m", provider="openai", zone="eu", base_url="http://x", api_key_env="THE_KEY"
)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-a\r\nx-admin: 1", "sk-a\x00", "sk-ä", "sk-a\x7fb"])
async def test_a_key_that_no_header_can_carry_names_its_variable(key: str) -> None:
    authorizer = api_key_authorizer(DEPLOYMENT, {"THE_KEY": key})
    refusal = await authorizer.headers("http://x", b"")
    assert isinstance(refusal, BadCredentials)
    assert "THE_KEY" in refusal.message
    assert "sk-a" not in refusal.message


async def test_space_around_a_key_is_no_part_of_it() -> None:
    authorizer = api_key_authorizer(DEPLOYMENT, {"THE_KEY": " sk-a\n"})
    assert await authorizer.headers("http://x", b"") == {"authorization": "Bearer sk-a"}


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
async def test_an_aws_key_that_no_header_can_carry_is_refused(name: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", name: "AK\nIA"}
    authorizer = aws_authorizer("https://bedrock-runtime.eu-west-1.amazonaws.com", "eu", keys)
    assert isinstance(await authorizer.headers("http://x/y", b""), BadCredentials)
