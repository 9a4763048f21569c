"""How a notice is signed, when it is tried again, and where it may never go."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as Judge

from gateway.webhook_rules.addresses import address_refusal, url_refusal
from gateway.webhook_rules.retry_schedule import (
    LONGEST_S,
    Delivered,
    GiveUpNotice,
    TryAgain,
    after_attempt,
)
from gateway.webhook_rules.signature import read_secret, signed_headers

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 64).decode()


def test_the_schemes_own_library_believes_it_with_either_secret() -> None:
    import time  # noqa: PLC0415 the library compares with the clock

    body = b'{"type":"response.completed","data":{"id":"r"}}'
    keys = [read_secret(SECRET), read_secret(OTHER)]
    headers = signed_headers("msg_1", int(time.time()), body, keys)
    for secret in (SECRET, OTHER):
        assert Judge(secret).verify(body, headers)["type"] == "response.completed"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", SECRET[6:], "whsec_" + "A" * 8])
def test_a_secret_that_is_none_is_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and") as caught:
        read_secret(secret)
    assert (secret not in {"", "whsec_"} and secret not in str(caught.value)) or len(secret) <= 6


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.1", "255.255.255.255", "224.0.0.1", "192.88.99.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "::127.0.0.1", "::ffff:10.0.0.1"),
        *("fec0::1", "3fff::1", "5f00::1", "4000::1", "192.0.0.8", "192.0.0.9", "192.0.0.170"),
        *("2001:0:4136:e378:8000:63bf:80ff:fffe", "no address", ""),
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert address_refusal(address) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_what_is_public_may_be_called(address: str) -> None:
    assert address_refusal(address) is None


@pytest.mark.parametrize(
    ("url", "private", "words"),
    [
        ("https://example.com/hook", False, None),
        ("http://example.com/hook", False, "https"),
        ("https://example.com:8443/hook", False, "port"),
        ("https://user@example.com/hook", False, "user"),
        ("https://127.0.0.1/hook", False, "public"),
        ("https://[::1]/hook", False, "public"),
        ("https://example.com:99999/hook", False, "no address"),
        ("ftp://example.com", True, "https"),
        ("https:///hook", True, "no host"),
        ("http://127.0.0.1:9000/hook", True, None),
    ],
)
def test_an_endpoints_address(url: str, private: bool, words: str | None) -> None:  # noqa: FBT001
    refusal = url_refusal(url, [443], private=private)
    assert refusal is None if words is None else words in (refusal or "")


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    url_refusal(text, [443], private=False)
    address_refusal(text)


def test_what_follows_each_answer() -> None:
    assert after_attempt(1, 204, None, 0) == Delivered()
    assert after_attempt(1, 302, None, 0) == TryAgain(5)
    assert after_attempt(1, None, None, 0) == TryAgain(5)
    assert after_attempt(1, 429, 60, 0) == TryAgain(60)
    assert after_attempt(1, 503, 10**9, 0) == TryAgain(86_400)
    assert after_attempt(3, 500, None, 0) == TryAgain(1_800)
    assert after_attempt(1, 410, None, 0) == GiveUpNotice(endpoint_gone=True)
    assert after_attempt(10, 500, None, 0) == GiveUpNotice()


def test_the_schedule_ends_within_its_time() -> None:
    pauses = [after_attempt(number, 500, None, 1) for number in range(1, 10)]
    assert all(isinstance(pause, TryAgain) for pause in pauses)
    assert 200_000 < sum(p.pause_s for p in pauses if isinstance(p, TryAgain)) < LONGEST_S
