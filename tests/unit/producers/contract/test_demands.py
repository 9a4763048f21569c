"""A wish that nobody reads is refused, not overlooked."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from producers.contract import Routing, codec
from producers.contract.codec import DecodeError
from producers.contract.request import CacheControl

BASE: Final[dict[str, Any]] = {
    "id": "1",
    "tenant": "t",
    "body": {"messages": [{"role": "user", "content": "x"}]},
}


def raw(routing: object, **more: object) -> bytes:
    return json.dumps(BASE | {"routing": routing} | more).encode()


@pytest.mark.parametrize(
    ("routing", "problem"),
    [
        ({"residancy": ["eu"]}, "unknown key 'residancy'; did you mean 'residency'?"),
        ({"Residency": ["eu"]}, "unknown key 'Residency'; did you mean 'residency'?"),
        ({"self_hosted": True}, "unknown key 'self_hosted'; did you mean 'self_hosted_only'?"),
        ({"cache": {"modes": "no-store"}}, "unknown key 'modes'; did you mean 'mode'?"),
        (
            {"validators": [{"kind": "contains", "texts": ["a"], "any": True}]},
            "unknown key 'any'; known are: kind, texts",
        ),
    ],
)
def test_a_misspelt_wish_is_refused_with_the_word_that_was_meant(
    routing: object, problem: str
) -> None:
    with pytest.raises(DecodeError) as refused:
        codec.decode_request(raw(routing))
    assert refused.value.problem == problem
    assert refused.value.where.startswith("routing")


@given(st.text(max_size=100))
def test_no_unknown_key_of_a_wish_passes(key: str) -> None:
    for model, part in ((Routing, {key: 1}), (CacheControl, {"cache": {key: 1}})):
        if key not in model.model_fields:
            with pytest.raises(DecodeError):
                codec.decode_request(raw(part))


def test_python_refuses_it_too() -> None:
    with pytest.raises(ValidationError, match="did you mean 'residency'"):
        Routing.model_validate({"residancy": ["eu"]})


def test_unknown_keys_elsewhere_pass() -> None:
    body = BASE["body"] | {"logit_bias": {}, "made_up": 1}
    request = codec.decode_request(raw({}, body=body, new_field={"a": 1}))
    assert request.body.model_extra == {"logit_bias": {}, "made_up": 1}


def test_a_worker_takes_the_wishes_of_a_newer_router() -> None:
    demands = b'{"needs":[],"prompt_tokens":1,"output_tokens":1}'
    route = b'{"tier":"economy","reasons":[],"demands":%b}' % demands
    tagged = b'{"route":%b,"request":%b}' % (route, raw({"tier": "economy", "invented": 1}))
    assert codec.decode_tagged(tagged).request.routing.tier == "economy"
