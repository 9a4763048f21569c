"""Who says whose a request is, where its own word doesn't count?"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from producers import Done, Failed, RouterClient
from producers.contract import codec, topics
from producers.contract.feedback import Feedback
from producers.kafka.broker import Outgoing, Partition, Record
from producers.settings import ClientSettings
from router.serve.process import admit_feedback
from runtime.config.sections.identity import IdentityMode, IdentitySettings, TokenSettings
from runtime.identity.key_source import token_verifier
from runtime.identity.opening import report_identity_change
from runtime.identity.record_guard import ForbiddenError, RecordGuard
from runtime.identity.record_signature import RecordSigner
from tests.flow.stage import Stage, ask, catalog, playing
from tests.unit.runtime.identity import tokens
from workers.delivery.cancellations import admit_cancellation

SIGNER = RecordSigner(["k" * 32])
TENANTS = {
    "acme": {"reply_topics": ["llm.replies", "acme.answers"]},
    "globex": {"reply_topics": ["llm.replies", "globex.answers"]},
    "t": {},
}
TOKENS = TokenSettings(audience="switchgear", shared_keys_env="KEYS")
KEYS = {"KEYS": f"HS256:{tokens.SECRET}"}


def token(tenant: str, key: str | None = None, **changes: object) -> str:
    good = {"tenant": tenant, "exp": 4e9, "iat": None}
    return tokens.token("HS256", None, key, **{**good, **changes}).decode()


@asynccontextmanager
async def guarded(mode: IdentityMode) -> AsyncIterator[Stage]:
    """A stage on which records' words don't count."""
    own = [topics.tenant_topic(topics.REQUESTS, tenant) for tenant in TENANTS]
    async with token_verifier(TOKENS, KEYS) as verifier:
        guard = RecordGuard(mode, SIGNER, verifier)
        async with playing(
            catalog=catalog(tenants=TENANTS),
            guard=guard,
            signer=SIGNER,
            request_topics=(topics.REQUESTS, *own),
        ) as stage:
            yield stage


@asynccontextmanager
async def client_of(stage: Stage, **settings: Any) -> AsyncIterator[RouterClient]:  # noqa: ANN401
    client = RouterClient(stage.broker, ClientSettings(timeout_s=10, **settings))
    async with client.listening():
        yield client


async def forbidden(stage: Stage, number: int = 1) -> list[Failed]:
    """The failures told, once there are so many; nothing else came of their requests."""
    failures = await stage.replies(number)
    assert {failed.code for failed in failures} == {"forbidden"}
    assert stage.called() == []
    assert stage.dead_letters() == []
    return failures


async def test_a_tenants_topic_says_whose_a_request_is() -> None:
    async with guarded("topic") as stage, client_of(stage, tenant_topics=True) as client:
        done = await client.submit(ask(tenant="acme"))
        assert isinstance(done, Done)
        (event,) = await stage.events()
        assert event.tenant == "acme"


async def test_a_request_that_names_another_tenant_is_refused() -> None:
    async with guarded("topic") as stage:
        request = codec.encode_request(ask(tenant="globex"))
        theirs = topics.tenant_topic(topics.REQUESTS, "acme")
        headers = codec.to_headers({codec.TENANT_HEADER: "globex", codec.CORRELATION_ID: "r1"})
        await stage.broker.publish(Outgoing(theirs, request, b"r1", headers))
        await stage.broker.publish(Outgoing(topics.REQUESTS, request, b"r1", headers))
        first, second = sorted(await forbidden(stage, 2), key=lambda failed: failed.message)
        assert "llm.requests.<tenant>" in first.message
        assert "'acme'" in second.message


async def test_a_signed_token_says_whose_a_request_is_and_goes_no_further() -> None:
    async with guarded("signed") as stage, client_of(stage, tenant_token=token("acme")) as client:
        assert isinstance(await client.submit(ask(tenant="acme")), Done)
        (tagged,) = stage.broker.written("llm.tier.economy")
        assert SIGNER.genuine(tagged)
        for topic in stage.broker.topics():
            for record in stage.broker.written(topic):
                kept = codec.header(record.headers, codec.TENANT_TOKEN)
                assert kept is None or topic == topics.REQUESTS


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (None, "no token"),
        ("junk", "compact form"),
        (token("acme", key="z" * 32), "signature"),
        (token("globex"), "'globex'"),
        (token("acme", aud="other"), "aud"),
    ],
)
async def test_a_request_without_a_good_token_is_refused(sent: str | None, words: str) -> None:
    async with guarded("signed") as stage, client_of(stage, tenant_token=sent) as client:
        failed = await client.submit(ask(tenant="acme"))
        assert isinstance(failed, Failed)
        assert words in failed.message
        await forbidden(stage)


async def test_an_expired_token_counts_for_what_was_submitted_before() -> None:
    """Nobody can have waited so long here; so the other way: a token of the past is refused."""
    async with guarded("signed") as stage:
        old = tokens.token("HS256", iat=None, exp=1_000_000_000).decode()
        async with client_of(stage, tenant_token=old) as client:
            failed = await client.submit(ask(tenant="acme"))
        assert isinstance(failed, Failed)
        assert "expired" in failed.message


async def test_a_gateway_of_ours_speaks_for_any_tenant() -> None:
    async with guarded("topic") as stage:
        request = ask(tenant="globex")
        headers = codec.to_headers(
            {codec.TENANT_HEADER: "globex", codec.CORRELATION_ID: request.id}
        )
        record = Outgoing(topics.REQUESTS, codec.encode_request(request), b"k", headers)
        await stage.broker.publish(SIGNER.sign(record))
        (done,) = await stage.replies()
        assert isinstance(done, Done)


async def test_a_forged_signature_helps_nobody() -> None:
    async with guarded("topic") as stage:
        stranger = RecordSigner(["x" * 32])
        headers = codec.to_headers({codec.TENANT_HEADER: "globex", codec.CORRELATION_ID: "r"})
        request = codec.encode_request(ask(tenant="globex"))
        await stage.broker.publish(stranger.sign(Outgoing(topics.REQUESTS, request, b"k", headers)))
        await forbidden(stage)


async def test_what_a_stranger_puts_into_a_tiers_queue_is_not_served() -> None:
    async with guarded("topic") as stage, client_of(stage, tenant_topics=True) as client:
        assert isinstance(await client.submit(ask(tenant="acme")), Done)
        (tagged,) = stage.broker.written("llm.tier.economy")
        spent = len(stage.called())
        unsigned = [pair for pair in tagged.headers if pair[0] != codec.SIGNATURE]
        changed = tagged.value.replace(b'"acme"', b'"globex"')
        for topic, value, headers in (
            ("llm.tier.economy", tagged.value, unsigned),
            ("llm.tier.economy", changed, tagged.headers),
            ("llm.tier.standard", tagged.value, tagged.headers),
            ("llm.retry.1000", tagged.value, [*unsigned, (codec.TARGET, b"llm.tier.economy")]),
        ):
            await stage.broker.publish(Outgoing(topic, value, tagged.key, headers))
        await stage.broker.has(topics.DEAD_LETTERS, 4)
        assert [reason for _, reason in stage.dead_letters()] == ["forbidden"] * 4
        assert len(stage.called()) == spent
        assert len(await stage.replies()) == 1


async def test_a_record_that_is_nobodys_tells_no_private_topic() -> None:
    """A forged Failed could end a request that another tenant has under way."""
    async with guarded("signed") as stage:
        headers = codec.to_headers(
            {
                codec.TENANT_HEADER: "globex",
                codec.CORRELATION_ID: "job-7",
                codec.REPLY_TO: "globex.answers",
            }
        )
        await stage.broker.publish(Outgoing(topics.REQUESTS, b"garbage", b"k", headers))
        await forbidden(stage)
        assert stage.broker.written("globex.answers") == []


async def test_a_proven_sender_is_told_only_where_it_may_reply() -> None:
    async with guarded("topic") as stage:
        theirs = topics.tenant_topic(topics.REQUESTS, "acme")
        headers = codec.to_headers(
            {
                codec.TENANT_HEADER: "globex",
                codec.CORRELATION_ID: "job-7",
                codec.REPLY_TO: "globex.answers",
            }
        )
        await stage.broker.publish(Outgoing(theirs, b"garbage", b"k", headers))
        (failed,) = await stage.replies()
        assert failed.code == "invalid_request"
        assert stage.broker.written("globex.answers") == []
        (letter,) = stage.broker.written(topics.DEAD_LETTERS)
        assert codec.header(letter.headers, codec.TENANT_HEADER) == "acme"


async def test_usage_and_checks_are_signed() -> None:
    async with guarded("topic") as stage, client_of(stage, tenant_topics=True) as client:
        assert isinstance(await client.submit(ask(tenant="acme")), Done)
        (usage,) = await stage.broker.has(topics.USAGE, 1)
        assert SIGNER.genuine(usage)


def control(topic: str, tenant: str | None, **headers: str) -> Record:
    named = {codec.TENANT_HEADER: tenant, **headers}
    return Record(Partition(topic, 0), 0, b"r1", b"", codec.to_headers(named), 4_000_000_000_000)


async def test_a_cancellation_counts_for_its_senders_requests_only() -> None:
    guard = RecordGuard("topic", SIGNER)
    own = control("llm.cancellations.acme", None)
    admitted = await admit_cancellation(guard, own)
    assert codec.header(admitted.headers, codec.TENANT_HEADER) == "acme"
    for forged in (
        control("llm.cancellations.acme", "globex"),
        control("llm.cancellations", "globex"),
        control("llm.cancellations.a.b", None),
        control("llm.cancellations", "globex", **{codec.SIGNATURE: "0" * 64}),
    ):
        with pytest.raises(ForbiddenError):
            await admit_cancellation(guard, forged)
    word = control("llm.cancellations", "globex")
    assert await admit_cancellation(RecordGuard(), word) is word


async def test_feedback_counts_for_its_sender_and_a_checks_word_for_workers() -> None:
    guard = RecordGuard("topic", SIGNER)
    rating = Feedback(id="r", tenant="acme", task="x", tier="economy", good=1, source="user")
    own = control("llm.feedback.acme", None)
    await admit_feedback(guard, own, rating)
    for record, feedback in (
        (control("llm.feedback.globex", None), rating),
        (control("llm.feedback", "acme"), rating),
        (own, rating.model_copy(update={"source": "judge"})),
    ):
        with pytest.raises(ForbiddenError):
            await admit_feedback(guard, record, feedback)
    headers = codec.to_headers({codec.TENANT_HEADER: "acme"})
    ours = SIGNER.sign(Outgoing(topics.FEEDBACK, b"", b"acme", headers))
    record = Record(Partition(topics.FEEDBACK, 0), 0, ours.key, ours.value, ours.headers, 0)
    await admit_feedback(guard, record, rating.model_copy(update={"source": "judge"}))


def test_a_mode_without_what_it_needs_does_not_begin() -> None:
    with pytest.raises(ValueError, match="SWITCHGEAR_ROUTER_KEY"):
        RecordGuard("topic")
    with pytest.raises(ValueError, match="tokens"):
        RecordGuard("signed", SIGNER)


def test_a_change_of_identity_is_told_and_waits_for_a_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    report_identity_change(IdentitySettings(), IdentitySettings())
    assert caplog.text == ""
    report_identity_change(IdentitySettings(), IdentitySettings(mode="topic"))
    assert "stays trusted until a restart" in caplog.text


async def test_an_invalidation_is_bound_to_its_sender() -> None:
    async with guarded("topic") as stage:
        order = json.dumps({"tenant": "globex", "everything": True}).encode()
        await stage.broker.publish(Outgoing("llm.cache.invalidate.acme", order, b"k"))
        await stage.broker.publish(Outgoing(topics.CACHE_INVALIDATIONS, order, b"k"))
        await stage.broker.has(topics.DEAD_LETTERS, 2)
        assert [reason for _, reason in stage.dead_letters()] == ["forbidden"] * 2


async def test_invented_names_share_the_strangers_budget() -> None:
    """Together they may spend what some of their answers cost."""
    tenants = {"t": {}, "*": {"budget_usd_day": "0.0003"}}
    async with playing(catalog=catalog(tenants=tenants)) as stage:
        replies = [
            await stage.client.submit(ask(tenant=f"invented-{number}", max_tokens=10))
            for number in range(20)
        ]
        refused = [reply for reply in replies if isinstance(reply, Failed)]
        assert {reply.code for reply in refused} == {"budget_exceeded"}
        assert 0 < len(refused) < len(replies)
        assert isinstance(await stage.client.submit(ask()), Done)


async def test_strangers_with_one_id_hold_their_own_part_of_the_budget() -> None:
    tenants = {"t": {}, "*": {"budget_usd_day": "0.0003"}}
    async with playing(catalog=catalog(tenants=tenants)) as stage:
        same = [
            ask(tenant=f"invented-{number}", max_tokens=10).model_copy(update={"id": "job-1"})
            for number in range(20)
        ]
        refused = 0
        for request in same:
            refused += isinstance(await stage.client.submit(request), Failed)
        assert 0 < refused < len(same)
