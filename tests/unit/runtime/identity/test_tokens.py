"""Is exactly the token believed that its issuer signed for us, while it holds?"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.config.sections.identity import TokenSettings
from runtime.identity.tokens.claims import TokenRefused, VerifiedToken, check_times, read_claims
from runtime.identity.tokens.key_set import KeySet, KeySetError, parse_jwks, parse_shared_keys
from runtime.identity.tokens.signature import signed_claims
from tests.unit.runtime.identity import tokens
from tests.unit.runtime.identity.tokens import NOW, SETTINGS, by_hand, claims, jwk, jwks, token

ALGORITHMS = frozenset({"HS256", "RS256", "ES256", "EdDSA"})
KEYS = parse_jwks(jwks(), ALGORITHMS)
SHARED = parse_shared_keys(f"HS256:{tokens.SECRET} old:{'o' * 40}", ALGORITHMS)


def verdict(
    raw: bytes, keys: KeySet = KEYS, settings: TokenSettings = SETTINGS, at_s: float = NOW
) -> str:
    """The tenant, or the reason of the refusal."""
    signed = signed_claims(raw, keys)
    read = signed if isinstance(signed, TokenRefused) else read_claims(signed, settings)
    if isinstance(read, VerifiedToken):
        refused = check_times(read, settings, at_s, at_s)
        return read.tenant if refused is None else refused.reason
    return read.reason


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS - {"HS256"}))
def test_each_algorithm_is_read(algorithm: str) -> None:
    assert verdict(token(algorithm)) == "acme"
    assert verdict(token(algorithm, tenant="globex")) == "globex"


def test_shared_keys_are_found_by_name() -> None:
    assert verdict(token("HS256"), SHARED) == "acme"
    assert verdict(token("HS256", {"kid": "old"}, "o" * 40), SHARED) == "acme"
    assert verdict(token("HS256", {"kid": "old"}), SHARED) == "bad_signature"


def test_an_audience_may_be_one_of_several() -> None:
    assert verdict(token(aud=["other", "switchgear"])) == "acme"


def test_the_only_key_needs_no_name() -> None:
    alone = parse_jwks(jwks(jwk("ES256", kid=None)), ALGORITHMS)
    assert verdict(token(header={"kid": None}), alone) == "acme"
    assert verdict(token(header={"kid": None})) == "unknown_key"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"aud": "other"}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"aud": ["other"]}, "wrong_audience"),
        ({"aud": {"switchgear": 1}}, "wrong_audience"),
        ({"tenant": None}, "no_tenant"),
        ({"tenant": ""}, "no_tenant"),
        ({"tenant": ["acme"]}, "no_tenant"),
        ({"tenant": "a b"}, "no_tenant"),
        ({"tenant": "acme\ud800"}, "no_tenant"),
        ({"tenant": "x" * 201}, "no_tenant"),
        ({"exp": None}, "malformed"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": True}, "malformed"),
        ({"exp": 10**400}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"exp": NOW - 31}, "expired"),
        ({"nbf": NOW + 31}, "not_yet_valid"),
        ({"iat": NOW + 31}, "not_yet_valid"),
        ({"nbf": -1}, "malformed"),
    ],
)
def test_what_a_token_says_must_fit(changes: Mapping[str, object], reason: str) -> None:
    said = claims(**changes)
    raw = json.dumps(said).encode()
    # by our own hand: the other library would refuse to write some of them
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"HS256"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(raw).rstrip(b"=")
    mac = hmac.digest(tokens.SECRET.encode(), head + b"." + body, "sha256")
    signed = head + b"." + body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert verdict(signed, SHARED) == reason


def test_times_have_a_leeway() -> None:
    assert verdict(token(exp=NOW - 29)) == "acme"
    assert verdict(token(nbf=NOW + 29)) == "acme"


def test_what_counts_is_the_time_of_submission_within_bounds() -> None:
    read = read_claims(claims(), SETTINGS)
    assert isinstance(read, VerifiedToken)
    later_s = NOW + 80_000
    assert check_times(read, SETTINGS, NOW + 200, later_s) is None
    refusals = {
        "too_old": check_times(read, SETTINGS, NOW + 200, NOW + 200 + 86_431),
        "expired": check_times(read, SETTINGS, NOW + 331, later_s),
        # a record from the future counts as from now
        "not_yet_valid": check_times(read, SETTINGS, NOW + 100, NOW - 31),
    }
    assert {key: each.reason for key, each in refusals.items() if each} == dict(
        zip(refusals, refusals, strict=True)
    )


def test_an_operator_may_bound_a_tokens_age() -> None:
    strict = SETTINGS.model_copy(update={"longest_age_s": 100.0})
    assert verdict(token(), settings=strict, at_s=NOW + 129) == "acme"
    assert verdict(token(), settings=strict, at_s=NOW + 131) == "too_old"
    assert verdict(token(iat=None), settings=strict) == "malformed"


def test_a_public_key_is_no_shared_secret() -> None:
    """The confusion of algorithms: the token says HS256, and is signed with what all may read."""
    public = tokens.RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = by_hand({"alg": "HS256", "kid": "RS256"}, claims()).rpartition(b".")[0]
    mac = hmac.new(public, body, hashlib.sha256).digest()
    forged = body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert verdict(forged) == "wrong_algorithm"


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS512", "PS256", "", None, 7])
def test_no_algorithm_but_the_keys_own(algorithm: object) -> None:
    for name in ("RS256", "ES256"):
        assert verdict(by_hand({"alg": algorithm, "kid": name}, claims())) == "wrong_algorithm"


def test_a_token_brings_no_key_of_its_own() -> None:
    own = tokens.stranger_jwk()
    for header in (
        {"jwk": own},
        {"jku": "https://evil/jwks.json"},
        {"x5u": "https://evil/cert.pem"},
        {"x5c": ["AAAA"]},
    ):
        assert verdict(token(header=header, key=tokens.STRANGER)) == "bad_signature"
        assert verdict(token(header=header)) == "acme"


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"typ": "dpop+jwt"}, {"typ": 7}])
def test_a_header_that_asks_for_more_is_refused(header: Mapping[str, object]) -> None:
    assert verdict(by_hand({"alg": "ES256", "kid": "ES256", **header}, claims())) == "malformed"


def test_every_changed_bit_is_seen() -> None:
    raw = token("HS256")
    for place in range(0, len(raw), 3):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert verdict(changed, SHARED) != "acme"


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_refused_in_words(raw: bytes) -> None:
    assert verdict(raw) in {"malformed", "unknown_key"}
    assert verdict(raw + b"." + raw + b"." + raw) in {"malformed", "unknown_key"}


def test_deep_json_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5000).rstrip(b"=")
    assert verdict(deep + b".e30.") == "malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"alg": "ES512"},
        {"crv": "P-521"},
        {"kty": "oct", "k": "AAAA"},
        {"kid": 7},
        {"x": "!"},
        {"x": None},
    ],
)
def test_other_keys_of_a_set_are_left_out(changes: Mapping[str, object]) -> None:
    others = parse_jwks(jwks(jwk("ES256", **changes), jwk("RS256")), ALGORITHMS)
    assert [key.name for key in others.keys] == ["RS256"]


@pytest.mark.parametrize("bits", [1024, 16_384])
def test_weak_and_huge_rsa_keys_are_left_out(bits: int) -> None:
    modulus = base64.urlsafe_b64encode(b"\xff" * (bits // 8)).rstrip(b"=").decode()
    with pytest.raises(KeySetError, match="no key"):
        parse_jwks(jwks(jwk("RS256", n=modulus)), ALGORITHMS)


def test_only_allowed_algorithms_have_keys() -> None:
    assert verdict(token("RS256"), parse_jwks(jwks(), {"ES256"})) == "unknown_key"
    with pytest.raises(KeySetError, match="HS256"):
        parse_shared_keys(f"a:{tokens.SECRET}", {"ES256"})


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys":{}}', b"[" * 9000, b'{"keys":[]}', b"\xff"]
)
def test_what_is_no_key_set_says_so(text: bytes) -> None:
    with pytest.raises(KeySetError):
        parse_jwks(text, ALGORITHMS)


@pytest.mark.parametrize("text", ["", "a:short", tokens.SECRET, f":{tokens.SECRET}"])
def test_shared_keys_are_long_and_named_and_never_quoted(text: str) -> None:
    with pytest.raises(KeySetError) as caught:
        parse_shared_keys(text, ALGORITHMS)
    assert not text or text not in str(caught.value)
    with pytest.raises(KeySetError, match="same kid"):
        parse_shared_keys(f"a:{tokens.SECRET} a:{tokens.SECRET}", ALGORITHMS)


def test_keys_and_claims_stay_out_of_what_is_printed() -> None:
    assert tokens.SECRET not in repr(SHARED)
    read = read_claims(claims(secret="hunter2"), SETTINGS)
    assert "hunter2" not in repr(read)
