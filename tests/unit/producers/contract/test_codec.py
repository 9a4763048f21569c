import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from producers.contract import (
    Attempt,
    CacheOutcome,
    Chunk,
    Done,
    Failed,
    Request,
    Route,
    RouteTaken,
    TaggedRequest,
    Timings,
    Usage,
    UsageEvent,
    codec,
)
from producers.contract.codec import DecodeError
from producers.contract.request import MAX_TAG_CHARACTERS, MAX_TAGS

SECRET = "the-patient-has-gout"
NAMES = st.text("abcXYZ019_.:/@-é", min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=4)
MONEY = st.none() | st.decimals(0, 10**9, places=6)
COUNTS = st.integers(0, 10**6)
USAGES = st.builds(
    Usage,
    **{name: COUNTS for name, field in Usage.model_fields.items() if field.annotation is int},
    unlisted=st.dictionaries(st.text(max_size=9), COUNTS, max_size=2),
    served=st.lists(st.text(max_size=9), max_size=2).map(tuple),
)
ATTEMPTS = st.builds(
    Attempt, deployment=NAMES, outcome=TEXTS, usage=st.none() | USAGES, cost_micro_usd=MONEY
)
MESSAGES = st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": TEXTS})
ROUTINGS = st.fixed_dictionaries(
    {},
    optional={
        "tier": NAMES,
        "deadline_ms": st.integers(1, 10**9),
        "max_cost_usd": st.decimals("0.001", 100, places=4).map(str),
        "residency": st.lists(NAMES, max_size=2),
        "tags": st.dictionaries(NAMES, TEXTS, max_size=3),
        "validators": st.lists(
            st.sampled_from(
                [
                    {"kind": "json_schema", "schema": {"type": "object"}},
                    {"kind": "contains", "texts": ["a"]},
                ]
            ),
            max_size=2,
        ),
        "conversation": st.text("abc", min_size=1, max_size=9),
    },
)
REQUESTS = st.builds(
    lambda identifier, messages, more, routing: Request.model_validate(
        {
            "id": identifier,
            "tenant": "t",
            "body": {"messages": messages, **more},
            "routing": routing,
        }
    ),
    NAMES,
    st.lists(MESSAGES, min_size=1, max_size=3),
    st.fixed_dictionaries({}, optional={"seed": st.integers(), "stop": st.lists(TEXTS)}),
    ROUTINGS,
)
DONES = st.builds(
    Done,
    id=NAMES,
    body=OBJECTS,
    route=st.builds(RouteTaken, tier=NAMES, attempts=st.lists(ATTEMPTS, max_size=2).map(tuple)),
    cache=st.just(CacheOutcome(result="miss")),
    usage=USAGES,
    cost_micro_usd=MONEY,
    baseline_micro_usd=MONEY,
    timings=st.just(Timings()),
)
REPLIES = (
    DONES
    | st.builds(Chunk, id=NAMES, run=st.integers(0), seq=st.integers(0), delta=OBJECTS)
    | st.builds(
        Failed,
        id=NAMES,
        code=st.just("overloaded"),
        message=TEXTS,
        retryable=st.booleans(),
        attempts=st.lists(ATTEMPTS, max_size=2).map(tuple),
    )
)


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    assert codec.decode_request(codec.encode_request(request)) == request


@given(REQUESTS, st.builds(Route, tier=NAMES, reasons=st.lists(TEXTS, max_size=2).map(tuple)))
def test_a_tagged_request_comes_back_around_the_callers_own_bytes(
    request: Request, route: Route
) -> None:
    raw = codec.encode_request(request)
    assert codec.decode_tagged(codec.encode_tagged(route, raw)) == TaggedRequest(
        route=route, request=request
    )


@given(REPLIES)
def test_a_reply_comes_back_as_it_was(reply: Chunk | Done | Failed) -> None:
    assert codec.decode_reply(codec.encode(reply)) == reply


@given(ATTEMPTS)
def test_an_event_keeps_every_cent(attempt: Attempt) -> None:
    event = UsageEvent(
        id="i",
        tenant="t",
        at_ms=1,
        outcome="done",
        tier="economy",
        attempts=(attempt,),
        cost_micro_usd=attempt.cost_micro_usd,
    )
    assert codec.decode_usage(codec.encode(event)) == event


@given(REPLIES, OBJECTS)
def test_unknown_fields_are_ignored(reply: Chunk | Done | Failed, more: dict[str, Any]) -> None:
    newer = {**more, **json.loads(codec.encode(reply))}
    unknown = {name: value for name, value in more.items() if name not in type(reply).model_fields}
    assert codec.decode_reply(json.dumps({**newer, **unknown}).encode()) == reply


@given(st.binary(max_size=60))
def test_bytes_at_random_give_one_error_that_keeps_them(raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode_request(raw)
    assert caught.value.raw == raw


def valid() -> dict[str, Any]:
    return {
        "id": "r1",
        "tenant": "t",
        "body": {"messages": [{"role": "user", "content": SECRET}]},
        "routing": {"tags": {"a": "b"}},
    }


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("id", {"id": SECRET + " with spaces"}),
    ("id", {"id": 7}),
    ("tenant", {"tenant": ""}),
    ("body", {"body": SECRET}),
    ("body.messages", {"body": {"messages": []}}),
    ("body.messages.0.role", {"body": {"messages": [{"role": SECRET, "content": SECRET}]}}),
    ("body.messages.0.content.str", {"body": {"messages": [{"role": "user", "content": 5}]}}),
    ("body.temperature", {"body": {**valid()["body"], "temperature": SECRET}}),
    ("routing.latency", {"routing": {"latency": SECRET}}),
    ("routing.validators.0", {"routing": {"validators": [{"kind": SECRET}]}}),
    ("routing.max_cost_usd", {"routing": {"max_cost_usd": "1e999999"}}),
    ("routing.deadline_ms", {"routing": {"deadline_ms": 10**400}}),
    ("routing.deadline_ms", {"routing": {"deadline_ms": 0}}),
]


@pytest.mark.parametrize(("where", "change"), WRONG)
def test_what_is_wrong_is_named_and_not_quoted(where: str, change: dict[str, Any]) -> None:
    raw = json.dumps({**valid(), **change}).encode()
    with pytest.raises(DecodeError) as caught:
        codec.decode_request(raw)
    assert caught.value.where == where
    assert caught.value.raw == raw
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("routing", "where"),
    [
        ({"cache": {"tags": [f"t{n}" for n in range(MAX_TAGS + 1)]}}, "routing.cache.tags"),
        ({"cache": {"tags": ["t" * 201]}}, "routing.cache.tags.0"),
        ({"tags": {f"t{n}": "" for n in range(MAX_TAGS + 1)}}, "routing.tags"),
        ({"tags": {"t": "x" * (MAX_TAG_CHARACTERS + 1)}}, "routing.tags.t"),
    ],
)
def test_tags_are_few_and_short(routing: dict[str, Any], where: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}]}
    raw = json.dumps({"id": "r", "tenant": "t", "body": body, "routing": routing}).encode()
    with pytest.raises(DecodeError) as caught:
        codec.decode_request(raw)
    assert caught.value.where == where
    tags = {f"t{n}": "x" * MAX_TAG_CHARACTERS for n in range(MAX_TAGS)}
    good = {"tags": tags, "cache": {"tags": list(tags)}}
    raw = json.dumps({"id": "r", "tenant": "t", "body": body, "routing": good}).encode()
    assert codec.decode_request(raw).routing.tags == tags


@pytest.mark.parametrize(
    "raw", [b"", b"not JSON", b'{"id":', b"[]", b"null", b"\xff\xfe", b"[" * 9999]
)
def test_not_a_json_object(raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode_request(raw)
    assert str(caught.value).startswith("request: the record: ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_named(encoding: str) -> None:
    with pytest.raises(DecodeError, match="byte order mark") as caught:
        codec.decode_request('{"id": "a"}'.encode(encoding))
    assert "UTF-8 without one" in caught.value.problem


def test_a_reply_of_unknown_kind_is_not_quoted() -> None:
    with pytest.raises(DecodeError, match="must have one of these as 'type': 'chunk', 'done'") as e:
        codec.decode_reply(json.dumps({"type": SECRET}).encode())
    assert SECRET not in str(e.value)


@given(REPLIES)
def test_a_large_reply_comes_back_as_a_small_one(reply: Chunk | Done | Failed) -> None:
    raw = codec.encode(reply)
    large = raw[:-1] + b',"junk":"' + b"x" * 70_000 + b'"}'
    assert codec.decode_reply(large) == codec.decode_reply(raw)


@pytest.mark.parametrize("number", [10, 40_000])
def test_what_a_reply_has_beside_its_answer_is_bounded(number: int) -> None:
    raw = codec.encode(done_reply(warnings=("x",) * number, body={"junk": ["x"] * 40_000}))
    if number == 10:
        assert len(codec.decode_reply(raw).warnings) == number  # type: ignore[union-attr]
        return
    with pytest.raises(DecodeError, match="values beside the answer") as caught:
        codec.decode_reply(raw)
    assert len(str(caught.value)) < 200


def test_a_path_made_of_the_senders_keys_is_cut() -> None:
    raw = json.dumps({**valid(), "routing": {"tags": {"k " * 5000: "v"}}}).encode()
    with pytest.raises(DecodeError) as caught:
        codec.decode_request(raw)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("a", b"1"), ("a", b"2")], "1"),
        ([("a", None), ("a", b"2")], "2"),
        ([("a", b"\xff")], None),
        ([("b", b"1")], None),
    ],
)
def test_a_header_is_text_or_absent(headers: list[tuple[str, bytes]], found: str | None) -> None:
    assert codec.header(headers, "a") == found


def test_money_is_text_in_json() -> None:
    attempt = Attempt(deployment="d", outcome="ok", cost_micro_usd=Decimal("0.1"))
    assert json.loads(codec.encode(attempt))["cost_micro_usd"] == "0.1"


@pytest.mark.parametrize("claimed", ["", "a b", "²", "a\n", "x" * 201])
def test_an_id_that_no_request_can_have_is_none(claimed: str) -> None:
    assert codec.request_id([(codec.CORRELATION_ID, claimed.encode())]) is None


def done_reply(**fields: Any) -> Done:  # noqa: ANN401 as Done's
    return Done(
        id="r",
        route=RouteTaken(tier="economy"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(),
        timings=Timings(),
        **{"body": {}, **fields},
    )


def test_an_unpriced_reply_is_readable() -> None:
    unpriced = done_reply(cost_micro_usd=None)
    assert codec.decode_reply(codec.encode(unpriced)) == unpriced


def test_the_error_passes_through_a_context_manager() -> None:
    with pytest.raises(DecodeError), suppress(KeyError), _context():
        codec.decode_reply(b"")


@contextmanager
def _context() -> Iterator[None]:
    yield


def test_a_failure_code_of_a_later_version_reads_as_an_internal_error() -> None:
    raw = b'{"type":"failed","id":"r","code":"too_dull","message":"m","retryable":true}'
    failed = codec.decode_reply(raw)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable) == ("internal_error", True)
    with pytest.raises(ValidationError):
        Failed.model_validate_json(raw)  # who writes one knows them all
