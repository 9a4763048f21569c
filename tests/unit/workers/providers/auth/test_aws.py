"""Signatures and credentials for AWS; botocore's own signer is the oracle."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.auth.aws import AwsAuthorizer, aws_authorizer
from workers.providers.auth.sigv4 import AwsKeys, SigningScope, sign
from workers.providers.base.call_outcome import BadCredentials

HOSTS = ("bedrock-runtime.eu-central-1.amazonaws.com", "127.0.0.1:8900", "example.org:443")
printable = st.text("abcXYZ019/+=", min_size=1, max_size=40)


@given(
    st.sampled_from(HOSTS),
    st.sampled_from(["a.claude-v1%3A0", "arn%3Aaws%3Abedrock%3Aeu%3A%2Fx", "plain"]),
    st.binary(max_size=100),
    st.builds(AwsKeys, printable, printable, st.none() | printable),
    st.sampled_from(["eu-central-1", "us-east-1"]),
)
def test_botocore_signs_the_same(
    host: str, model: str, body: bytes, keys: AwsKeys, region: str
) -> None:
    url = f"https://{host}/model/{model}/converse"
    request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
    credentials = Credentials(keys.access_key, keys.secret_key, keys.token)
    SigV4Auth(credentials, "bedrock", region).add_auth(request)
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sign(keys, SigningScope(region, "bedrock"), url, body, at)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours.get("x-amz-security-token") == request.headers.get("X-Amz-Security-Token")


def test_keys_are_not_printed() -> None:
    assert "hidden" not in repr(AwsKeys("AKIA", "hidden", "hidden"))


@pytest.mark.parametrize(
    ("address", "region", "environment", "expected"),
    [
        ("https://bedrock-runtime.eu-west-3.amazonaws.com", "global", {}, "eu-west-3"),
        ("http://127.0.0.1:1", "eu-central-1", {"AWS_REGION": "us-west-2"}, "eu-central-1"),
        ("http://127.0.0.1:1", "global", {"AWS_REGION": "us-west-2"}, "us-west-2"),
        ("http://127.0.0.1:1", "global", {}, "us-east-1"),
    ],
)
async def test_where_the_region_comes_from(
    address: str, region: str, environment: dict[str, str], expected: str
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"}
    headers = await aws_authorizer(address, region, environment | keys).headers(address, b"{}")
    assert not isinstance(headers, BadCredentials)
    assert f"/{expected}/bedrock/aws4_request" in headers["authorization"]


async def test_no_credentials_say_what_to_set() -> None:
    async def none() -> None:
        """The chain is empty."""

    outcome = await AwsAuthorizer(none, "eu").headers("https://x/", b"")
    assert isinstance(outcome, BadCredentials)
    assert "AWS_ACCESS_KEY_ID" in outcome.message


async def test_a_broken_chain_is_told_without_its_words() -> None:
    async def broken() -> AwsKeys:
        raise RuntimeError("secret")

    outcome = await AwsAuthorizer(broken, "eu").headers("https://x/", b"")
    assert isinstance(outcome, BadCredentials)
    assert outcome.message == "the AWS credential chain failed: RuntimeError"
