"""The semantic step as a whole, with the real embedder, verifier and Redis."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from cache.commands.stats import tenant_stats
from cache.identity.key import Question
from cache.lookup import CLOSED, CacheLookup, SemanticStep
from cache.promise.error_bound import ErrorBound
from cache.promise.group_bounds import NO_BOUNDS, cell_of, encode_bounds
from cache.results.lookup_result import Hit, Miss, ShadowCheck
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.pair_encoder import load_pair_classifier
from cache.semantic.pair_reader import PairReader
from cache.semantic.vector_index import ProcessIndex, RedisIndex, VectorIndex
from cache.semantic.verifier_file import load_verifier
from cache.storage.store import EntryStore
from cache.verification.verifier import EmbeddedText
from dev.redis_server import redis_server, url_of
from producers.contract import ChatBody, Request, Route
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CacheSettings
from runtime.redis.pipelining import PipelineLane
from tests.contract.cache.asking import NOW, ROUTE, answer_of, done, request
from tests.waiting import until

pytestmark = pytest.mark.redis

PATIENT = {"budget_ms": 5000, "defaults": {"target_false_hits": 0.05, "shadow_share": 0}}
ASKED = "How can I learn to play the guitar?"
SAME = "What is the best way to learn to play guitar?"


@pytest.fixture(params=["redis", "process"])
async def lookup(
    request: pytest.FixtureRequest, redis: Redis, embedder: LocalEmbedder
) -> AsyncIterator[CacheLookup]:
    index: VectorIndex = (
        RedisIndex(redis) if request.param == "redis" else ProcessIndex(redis, "log")
    )
    made = open_with(PATIENT, redis, embedder, index)
    yield made
    await made.close()


def open_with(
    settings: dict[str, Any],
    redis: Redis,
    embedder: LocalEmbedder,
    index: VectorIndex | None = None,
    pairs: PairReader | None = None,
) -> CacheLookup:
    read = CacheSettings.model_validate(settings)
    verifier = load_verifier(read, embedder.version)
    step = SemanticStep(embedder, verifier, index or RedisIndex(redis), pairs)
    return CacheLookup(read, redis, step)


async def keep(lookup: CacheLookup, asked: Request, answer: str = "Practise.") -> None:
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, done(answer))


async def test_the_same_question_in_other_words(lookup: CacheLookup) -> None:
    await keep(lookup, request(ASKED))
    found = await lookup.find(request(SAME), ROUTE, NOW + 1000)
    assert answer_of(found) == "Practise."
    assert isinstance(found, Hit)
    assert found.outcome.step == "semantic"
    assert 0.5 < (found.outcome.score or 0) < 1
    assert found.outcome.age_s == 1
    surer = request(SAME, min_confidence=0.99, mode="only-if-cached")
    assert isinstance(await lookup.find(surer, ROUTE, NOW), Miss)


async def test_a_kept_question_whose_sketch_is_damaged_is_passed_over(
    lookup: CacheLookup, redis: Redis
) -> None:
    await keep(lookup, request(SAME), "Sing.")
    asked = request(SAME + " Tell me.", mode="only-if-cached")
    [name] = [key async for key in redis.scan_iter("*:e:*")]
    kept = json.loads(await redis.get(name) or "")
    await redis.set(name, json.dumps({**kept, "sketch": "no.sketch.here"}))
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    assert found.outcome.reason == "gone"
    await keep(lookup, request(ASKED))
    assert answer_of(await lookup.find(asked, ROUTE, NOW)) == "Practise."


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("How many calories are in 2 eggs?", "How many calories are in 3 eggs?"),
        ("Is it safe to mix bleach and water?", "Is it not safe to mix bleach and water?"),
        ("What is the best phone of 2016?", "What is the worst phone of 2016?"),
        ("What is the capital of India?", "What is the capital of Japan?"),
    ],
)
async def test_a_detail_that_changes_the_answer_is_no_hit(
    lookup: CacheLookup, kept: str, asked: str
) -> None:
    await keep(lookup, request(kept))
    found = await lookup.find(request(asked), ROUTE, NOW)
    assert isinstance(found, Miss)
    assert found.outcome.reason is not None


@pytest.mark.parametrize("score", [0.99, 0.01, None])
async def test_what_the_verifier_leaves_in_doubt_is_read_together(
    redis: Redis, embedder: LocalEmbedder, score: float | None
) -> None:
    """A verdict that isn't had is a miss, though the verifier alone would serve the answer."""
    read = list[tuple[str, str]]()

    def says(
        asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float:
        assert 0 < verified < 1
        assert language == "en"
        read.append((asked.text, stored.text))
        if score is None:
            raise RuntimeError
        return score

    pairs = PairReader(load_pair_classifier(), lambda: says, wait_s=60)
    lookup = open_with(PATIENT, redis, embedder, pairs=pairs)
    await keep(lookup, request(ASKED))
    found = await lookup.find(request(SAME), ROUTE, NOW)
    assert read == [(SAME, ASKED)]
    if score == 0.99:
        assert isinstance(found, Hit)
        assert found.outcome.score == pytest.approx(score, abs=0.01)
    else:
        assert isinstance(found, Miss)
    await lookup.close()


async def test_what_the_guard_decides_is_not_read_together(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    read = list[str]()

    def says(
        asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float:
        read.append(f"{asked.text} {stored.text} {verified} {language}")
        return 1

    pairs = PairReader(load_pair_classifier(), lambda: says, wait_s=60)
    lookup = open_with(PATIENT, redis, embedder, pairs=pairs)
    await keep(lookup, request("How many calories are in 2 eggs?"))
    found = await lookup.find(request("How many calories are in 3 eggs?"), ROUTE, NOW)
    assert isinstance(found, Miss)
    assert read == []
    await lookup.close()


async def test_no_near_hit_crosses_a_scope_even_for_the_same_words(lookup: CacheLookup) -> None:
    await keep(lookup, request(ASKED))
    for other in (request(SAME, tenant="other"), request(SAME, scope="docs")):
        assert isinstance(await lookup.find(other, ROUTE, NOW), Miss)
    assert isinstance(await lookup.find(request(SAME), Route(tier="premium"), NOW), Miss)
    system = ChatBody(
        messages=[{"role": "system", "content": "x"}, {"role": "user", "content": SAME}]
    )
    elsewhere = request(SAME).model_copy(update={"body": system})
    assert isinstance(await lookup.find(elsewhere, ROUTE, NOW), Miss)


async def test_forgotten_by_tag_scope_entry_and_whole_tenant(lookup: CacheLookup) -> None:
    for what in ("tag", "scope", "entry", "everything"):
        asked = request(f"{ASKED} ({what})", tags=("music",), scope="docs")
        await keep(lookup, asked)
        hit = await lookup.find(asked, ROUTE, NOW)
        assert isinstance(hit, Hit)
        value = {"tag": "music", "scope": "docs", "entry": hit.outcome.entry, "everything": True}
        order = Invalidation.model_validate({"tenant": "acme", what: value[what]})
        assert await lookup.invalidate(order) >= 1
        only = request(f"{ASKED} ({what})", scope="docs", mode="only-if-cached")
        assert isinstance(await lookup.find(only, ROUTE, NOW), Miss)


async def test_an_answer_made_while_its_tag_was_forgotten_is_not_kept(lookup: CacheLookup) -> None:
    asked = request(ASKED, tags=("music",))
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.invalidate(Invalidation(tenant="acme", tag="music"))
    await lookup.store_answer(found, done("Outdated."))
    assert isinstance(await lookup.find(asked, ROUTE, NOW), Miss)


async def test_every_hit_can_be_checked_and_a_wrong_one_counts_against_its_entry(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    always = {**PATIENT, "defaults": {"target_false_hits": 0.05, "shadow_share": 1}}
    lookup = open_with(always, redis, embedder)
    await keep(lookup, request(ASKED), "Practise daily with a teacher.")
    wrong = "The guitar was invented in Spain in the sixteenth century."
    hits = 0
    for _ in range(8):
        found = await lookup.find(request(SAME, mode="only-if-cached"), ROUTE, NOW)
        if not isinstance(found, Hit):
            break
        hits += 1
        assert isinstance(found.follow_up, ShadowCheck)
        kept_nowhere = replace(found.follow_up.miss, version=None)
        await lookup.take_follow_up(replace(found.follow_up, miss=kept_nowhere), done(wrong))
    assert 1 <= hits <= 5
    said = await tenant_stats(redis, CacheSettings.model_validate(always), "acme")
    (step,) = said.promise
    assert (step.group, step.step, step.language) == ("tier:economy", "semantic", "en")
    assert step.tightened >= 1
    await lookup.close()


async def test_a_group_that_broke_its_promise_gets_no_near_hits(
    lookup: CacheLookup, redis: Redis
) -> None:
    await keep(lookup, request(ASKED))
    store = EntryStore(PipelineLane(redis), None, CacheSettings().key_prefix)  # type: ignore[arg-type]
    closed = NO_BOUNDS.changed(cell_of("semantic", "en"), ErrorBound(is_closed=True))
    await redis.set(store.key("acme", "bounds", "tier:economy"), encode_bounds(closed))
    found = await lookup.find(request(SAME), ROUTE, NOW)
    assert isinstance(found, Miss)
    assert found.outcome.reason == CLOSED
    assert isinstance(await lookup.find(request(ASKED), ROUTE, NOW), Hit)


async def test_the_least_valuable_entries_go_when_the_tenant_is_full(
    redis: Redis, embedder: LocalEmbedder
) -> None:
    small = {**PATIENT, "defaults": {"quota_mb": 0.02, "steps": ["exact", "canonical"]}}
    lookup = open_with(small, redis, embedder)
    for number in range(40):
        asked = request(f"What is item {number} of the list?")
        found = await lookup.find(asked, ROUTE, NOW)
        assert isinstance(found, Miss)
        await lookup.store_answer(found, done("x" * 500, cost="10000" if number == 3 else "1"))
    kept = [
        number
        for number in range(40)
        if isinstance(
            await lookup.find(
                request(f"What is item {number} of the list?", mode="only-if-cached"), ROUTE, NOW
            ),
            Hit,
        )
    ]
    assert 3 in kept
    assert 39 in kept
    assert len(kept) < 40
    said = await tenant_stats(redis, CacheSettings.model_validate(small), "acme")
    assert said.bytes <= said.quota_bytes
    await lookup.close()


async def test_without_redis_every_request_goes_on_soon(embedder: LocalEmbedder) -> None:
    nowhere = Redis(unix_socket_path="/nonexistent/redis.sock")
    lookup = open_with({"budget_ms": 15}, nowhere, embedder)
    began = time.monotonic()
    for _ in range(50):
        found = await lookup.find(request(ASKED), ROUTE, NOW)
        assert isinstance(found, Miss)
        assert found.outcome.result == "error"
        await lookup.store_answer(found, done())
    assert time.monotonic() - began < 5
    await lookup.close()
    await nowhere.aclose()


async def test_redis_killed_mid_run_costs_no_request(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    server = redis_server(tmp_path / "redis")
    server.start()
    client = Redis.from_url(url_of(server))
    lookup = open_with({"budget_ms": 200}, client, embedder)
    await keep(lookup, request(ASKED))
    results = []
    for number in range(60):
        if number == 20:
            server.kill()
        found = await lookup.find(request(ASKED), ROUTE, NOW)
        results.append(found)
        if isinstance(found, Miss):
            await lookup.store_answer(found, done())
    assert all(isinstance(found, Hit) for found in results[:20])
    assert all(isinstance(found, Miss) for found in results[20:])
    server.start()
    only = request(ASKED, mode="only-if-cached")

    async def is_kept() -> bool:
        return isinstance(await lookup.find(only, ROUTE, NOW), Hit)

    await until(is_kept)
    await lookup.close()
    await client.aclose()
    server.stop()


def test_an_entry_names_its_scope() -> None:
    question = Question("t", "a" * 32, "b" * 32, "c" * 32, "x")
    assert question.entry == "a" * 32 + "." + "c" * 32


@pytest.mark.parametrize("asked", ["How old is Berlin today?", "How old is Paris?"])
async def test_no_reason_tells_a_word_of_the_question(lookup: CacheLookup, asked: str) -> None:
    await keep(lookup, request("How old is Berlin?"))
    found = await lookup.find(request(asked), ROUTE, NOW)
    assert not isinstance(found, Hit)
    reason = found.outcome.reason or ""
    assert reason
    assert not {"berlin", "paris", "today"} & set(reason.lower().replace("'", " ").split())


async def test_a_near_answer_that_fails_its_check_is_a_miss_and_the_new_one_is_indexed(
    lookup: CacheLookup,
) -> None:
    async def check(body: Mapping[str, Any]) -> str | None:
        return "is too short" if body["choices"][0]["message"]["content"] == "Practise." else None

    await keep(lookup, request(ASKED))
    assert isinstance(await lookup.find(request(SAME), ROUTE, NOW), Hit)
    found = await lookup.find(request(SAME), ROUTE, NOW, None, check)
    assert isinstance(found, Miss)
    assert found.outcome.reason == "the kept answer is too short"
    assert found.indexed is not None
    await lookup.store_answer(found, done("Practise daily."))
    assert isinstance(await lookup.find(request(SAME), ROUTE, NOW, None, check), Hit)


async def test_who_waits_for_an_answer_that_fails_its_check_calls_for_itself(
    lookup: CacheLookup, follower_waits: asyncio.Event
) -> None:
    async def check(body: Mapping[str, Any]) -> str | None:
        return "is too short" if body["choices"][0]["message"]["content"] == "Practise." else None

    leader = await lookup.find(request(ASKED), ROUTE, NOW)
    assert isinstance(leader, Miss)
    follower = asyncio.create_task(lookup.find(request(ASKED), ROUTE, NOW, None, check))
    await follower_waits.wait()
    await lookup.store_answer(leader, done("Practise."))
    found = await follower
    assert isinstance(found, Miss)
    await lookup.abandon(found)
