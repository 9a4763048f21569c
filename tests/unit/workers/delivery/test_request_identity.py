"""Idempotency keys: distinct requests have distinct keys, and the same request keeps its own."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from producers.contract import ChatBody, Request, Route, TaggedRequest, codec
from router.decide.partition_key import prefix_hash
from runtime.redis.key_names import joined
from tests.flow.stage import catalog
from tests.unit.workers.test_decisions import job
from workers.calling.cached_call import PromptCaching
from workers.calling.prefix_counts import LocalCounts
from workers.delivery.request_identity import identity_of
from workers.planning.next_step import Delay
from workers.prompt_cache.policy import CacheKey
from workers.request.requeue import RequeueProgress, requeue_record

NAMES = st.text("ab1:/.", min_size=1, max_size=5)
"""What tenants and ids may hold, and few enough letters that joined texts often meet."""

BODY = ChatBody(messages=[{"role": "user", "content": "?"}])


def named(tenant: str, name: str) -> Request:
    return Request(id=name, tenant=tenant, body=BODY)


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_distinct_pairs_have_distinct_keys(one: tuple[str, str], two: tuple[str, str]) -> None:
    keys = [identity_of(named(*pair)).key for pair in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_a_former_key_is_read_only_where_it_is_one_requests(
    one: tuple[str, str], two: tuple[str, str]
) -> None:
    identity, other = identity_of(named(*one)), ":".join(("sg:once", *two))
    if identity.former == other:
        assert one == two


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_joined_texts_differ_where_a_part_does(one: list[str], two: list[str]) -> None:
    assert (joined(*one) == joined(*two)) == (one == two)


def test_a_prefix_is_its_tenants_however_name_and_prompt_meet() -> None:
    def prefix(tenant: str, system: str) -> str | None:
        body = ChatBody(messages=[{"role": "system", "content": system}])
        return prefix_hash(Request(id="r", tenant=tenant, body=body), 5000)

    assert prefix("t", "a") == prefix("t", "a")
    assert prefix("t", "a") != prefix("u", "a")
    two = ChatBody(
        messages=[{"role": "system", "content": "a"}, {"role": "system", "content": "b"}]
    )
    assert prefix_hash(Request(id="r", tenant="t", body=two), 5000) != prefix("t", "ab")


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aä"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=5,
)
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries(
        {"role": st.just("user")},
        optional={"content": st.none() | st.text("aä"), "tool_calls": st.lists(
            st.dictionaries(st.text("ab"), JSON, max_size=2), max_size=1), "x": JSON},
    ), min_size=1, max_size=2)},
    optional={"stream": st.booleans(), "temperature": st.none() | st.floats(0, 2), "seed": JSON},
)  # fmt: skip


def asked(body: dict[str, Any]) -> Request:
    return codec.decode_request(json.dumps({"id": "r", "tenant": "t", "body": body}).encode())


@given(BODIES)
def test_a_request_is_the_same_in_every_record_of_its_way(body: dict[str, Any]) -> None:
    request = asked(body)
    first = codec.decode_tagged(
        codec.encode_tagged(Route(tier="economy"), codec.encode_request(request))
    )
    later = codec.decode_tagged(
        codec.encode(TaggedRequest(route=first.route, request=first.request))
    )
    turned = asked(dict(reversed(body.items())))
    identities = {identity_of(one) for one in (request, first.request, later.request, turned)}
    assert identities == {identity_of(request)}


@given(BODIES, BODIES)
def test_another_body_has_another_fingerprint(one: dict[str, Any], two: dict[str, Any]) -> None:
    same = _understood(one) == _understood(two)
    assert (identity_of(asked(one)) == identity_of(asked(two))) == same


def _understood(body: dict[str, Any]) -> str:
    told = ChatBody.model_validate(body).model_dump(mode="json", exclude_none=True)
    return json.dumps(told, sort_keys=True)


def test_a_delayed_record_is_the_same_request() -> None:
    before = job()
    progress = RequeueProgress((), 1, 0)
    record = requeue_record(before, Delay(1, "busy"), progress, [], catalog())
    after = codec.decode_tagged(record.value).request
    assert identity_of(after) == identity_of(before.request)


async def test_a_prompts_prefix_has_another_name_for_every_tenant_and_account() -> None:
    long = [{"role": "system", "content": "word " * 9000}, {"role": "user", "content": "?"}]
    places = [("a", "x/openai/y"), ("a/openai/x", "y")]
    names = set()
    for tenant, account in places:
        changes = {"provider": "openai", "account": account}
        deployment = catalog().deployments["eco-a"].model_copy(update=changes)
        body = ChatBody.model_validate({"messages": long})
        caching = PromptCaching(LocalCounts(), lambda _: None)
        planned = (await caching.plan(tenant, deployment, body)).plan
        assert isinstance(planned, CacheKey)
        names.add(planned.key)
    assert len(names) == len(places)
