from hypothesis import given
from hypothesis import strategies as st

from gateway.demands.request_id import body_digest, keyed_request_id
from gateway.demands.routing_demands import routing_demands
from gateway.errors.api_error import ApiError
from producers.contract import Request, Routing


@given(st.text(), st.text(), st.text(), st.text())
def test_a_key_is_one_request_of_one_tenant(a: str, b: str, key: str, other: str) -> None:
    assert (keyed_request_id(a, key) == keyed_request_id(b, other)) == ((a, key) == (b, other))
    message = {"role": "user", "content": "x"}
    body = {"messages": [message]}
    request_id = keyed_request_id(a, key)
    assert Request.model_validate({"id": request_id, "tenant": "t", "body": body}).id == request_id


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_digests_keep_their_parts_apart(left: list[bytes], right: list[bytes]) -> None:
    assert (body_digest(*left) == body_digest(*right)) == (left == right)


def test_headers_go_over_the_bodys_object() -> None:
    headers = {
        "x-switchgear-residency": "eu, ch",
        "x-switchgear-cache": "no-store",
        "x-switchgear-max-cost-usd": "0.05",
        "x-switchgear-self-hosted-only": "true",
        "x-switchgear-ordered": "false",
        "accept": "application/json",
    }
    routing = routing_demands(headers, {"residency": ["us"], "task": "classify"})
    assert not isinstance(routing, ApiError)
    made = Routing.model_validate(routing)
    assert made.residency == ("eu", "ch")
    assert made.task == "classify"
    assert made.cache.mode == "no-store"
    assert str(made.max_cost_usd) == "0.05"
    assert made.self_hosted_only


def test_a_demand_that_nobody_knows_is_refused() -> None:
    for headers, body in (
        ({"x-switchgear-residencey": "eu"}, None),
        ({}, {"residencey": ["eu"]}),
        ({}, ["eu"]),
    ):
        refused = routing_demands(headers, body)
        assert isinstance(refused, ApiError)
        assert refused.openai.status == 400
