"""Are tokens for Amazon MSK those of its own signer, and is a machine without identity refused?"""

import base64
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import botocore.auth
import pytest
from aiokafka.errors import SaslAuthenticationFailed
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError

from producers.kafka.connection import connection_options
from producers.kafka.msk_token import MskToken, machine_token
from producers.settings import KafkaSettings

REGION = "eu-west-1"
OFFICIAL = (
    "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect"
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIDEXAMPLE%2F20261127%2Feu-west-1%2Fkafka-cluster%2Faws4_request"
    "&X-Amz-Date=20261127T050000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host{session}"
    "&X-Amz-Signature={signature}&User-Agent="
)
"""What aws-msk-iam-sasl-signer-python 1.0.2 signed at NOW, up to its name."""
NOW = dt.datetime(2026, 11, 27, 5, 0, 0, tzinfo=dt.UTC)
LONG_LIVED = OFFICIAL.format(
    session="", signature="481271264ba3814050d2c4e3c1d2e5f57c0c23fd04552a9038df16db5aefdba5"
)
OF_A_ROLE = OFFICIAL.format(
    session="&X-Amz-Security-Token=a%20session%2Ftoken%2B1%3D",
    signature="a2ebebf6f40fb40a20050944330f642c8e92b09486d39d2f1096b62b977f7dea",
)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """One without AWS's settings, files and metadata server; each test looks anew."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    machine_token.cache_clear()
    yield
    machine_token.cache_clear()


def msk(region: str = REGION) -> KafkaSettings:
    return KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_oauth_msk_region=region,
    )


@pytest.mark.parametrize(
    ("session", "official"),
    [(None, LONG_LIVED), ("a session/token+1=", OF_A_ROLE)],
    ids=["long-lived", "of-a-role"],
)
async def test_a_token_is_that_of_the_official_signer(
    monkeypatch: pytest.MonkeyPatch, session: str | None, official: str
) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-example")
    if session is not None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    provider = connection_options(msk())["sasl_oauth_token_provider"]
    token = await provider.token()
    assert "=" not in token
    url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    assert url == official + "switchgear"


async def test_each_connection_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)
    provider = MskToken(REGION, Credentials("AKIDEXAMPLE", "s3cret-example"))
    first = await provider.token()
    now += dt.timedelta(seconds=1)
    assert await provider.token() != first


async def test_credentials_that_cannot_be_renewed_are_a_refused_log_in() -> None:
    class Ended(Credentials):
        def get_frozen_credentials(self) -> ReadOnlyCredentials:
            raise CredentialRetrievalError(provider="role", error_msg="the s3cret is wrong")

    with pytest.raises(SaslAuthenticationFailed, match="CredentialRetrievalError") as caught:
        await MskToken(REGION, Ended("a", "b")).token()
    assert "s3cret" not in str(caught.value)


def test_a_machine_without_credentials_is_refused_at_start() -> None:
    with pytest.raises(OSError, match="needs AWS credentials"):
        connection_options(msk())


def test_a_region_that_aws_does_not_have_is_refused_at_start() -> None:
    with pytest.raises(OSError, match=r"kafka_oauth_msk_region=xx-nowhere-1: .*xx-nowhere-1"):
        connection_options(msk("xx-nowhere-1"))


def test_an_unknown_profile_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(OSError, match="nobody"):
        connection_options(msk())
