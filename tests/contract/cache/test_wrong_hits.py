"""What a person says of a cached answer, and deleting by person or request."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from cache.commands.stats import tenant_stats
from cache.lookup import CacheLookup, SemanticStep
from cache.results.lookup_result import Hit, Miss
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.vector_index import ProcessIndex, RedisIndex, VectorIndex
from cache.semantic.verifier_file import load_verifier
from producers.contract import ChatBody, Request
from producers.contract.invalidation import Invalidation
from runtime.config.sections.cache import CacheSettings
from tests.contract.cache.asking import NOW, ROUTE, answer_of, done, request

pytestmark = pytest.mark.redis

SETTINGS = CacheSettings.model_validate(
    {"budget_ms": 5000, "defaults": {"target_false_hits": 0.05, "shadow_share": 0}}
)
ASKED = "How can I learn to play the guitar?"
SAME = "What is the best way to learn to play guitar?"
SPACED = f"{ASKED} "


@pytest.fixture(params=[RedisIndex, lambda redis: ProcessIndex(redis, "log")])
async def lookup(
    redis: Redis, embedder: LocalEmbedder, request: pytest.FixtureRequest
) -> AsyncIterator[CacheLookup]:
    index: VectorIndex = request.param(redis)
    semantic = SemanticStep(embedder, load_verifier(SETTINGS, embedder.version), index)
    made = CacheLookup(SETTINGS, redis, semantic)
    yield made
    await made.close()


def by(user: str | None, text: str, name: str = "r1", tenant: str = "acme") -> Request:
    asked = request(text, tenant)
    named = {} if user is None else {"user": user}
    body = ChatBody.model_validate({**asked.body.model_dump(), **named})
    return asked.model_copy(update={"id": name, "body": body})


async def keep(lookup: CacheLookup, asked: Request, answer: str = "Practise.") -> None:
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, done(answer))


@pytest.mark.parametrize("other", [SAME, SPACED])
async def test_a_wrong_answer_is_forgotten_and_never_given_to_that_question_again(
    lookup: CacheLookup, redis: Redis, other: str
) -> None:
    await keep(lookup, by(None, ASKED, "first"))
    asked = by(None, other, "second")
    assert isinstance(await lookup.find(asked, ROUTE, NOW), Hit)
    wrong = Invalidation(tenant="acme", request="second", wrong=True)
    assert await lookup.invalidate(wrong) == 1
    await keep(lookup, by(None, ASKED))
    assert isinstance(await lookup.find(by(None, ASKED), ROUTE, NOW), Hit)
    found = await lookup.find(asked, ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.abandon(found)
    stats = await tenant_stats(redis, SETTINGS, "acme")
    step = "semantic" if other == SAME else "canonical"
    assert {s.step: s.reported for s in stats.promise}[step] == 1


async def test_the_answer_to_the_very_words_is_bought_anew(lookup: CacheLookup) -> None:
    await keep(lookup, by(None, ASKED, "first"), "Never practise.")
    assert isinstance(await lookup.find(by(None, ASKED, "second"), ROUTE, NOW), Hit)
    await lookup.invalidate(Invalidation(tenant="acme", request="second", wrong=True))
    await keep(lookup, by(None, ASKED, "third"), "Practise.")
    assert answer_of(await lookup.find(by(None, ASKED), ROUTE, NOW)) == "Practise."


async def test_another_tenants_word_changes_nothing(lookup: CacheLookup) -> None:
    await keep(lookup, by(None, ASKED, "first"))
    assert isinstance(await lookup.find(by(None, SAME, "second"), ROUTE, NOW), Hit)
    foreign = Invalidation(tenant="other", request="second", wrong=True)
    assert await lookup.invalidate(foreign) == 0
    assert isinstance(await lookup.find(by(None, SAME), ROUTE, NOW), Hit)


async def test_what_a_person_or_a_request_bought_is_gone_with_its_vectors(
    lookup: CacheLookup, redis: Redis
) -> None:
    await keep(lookup, by("ann@example.org", ASKED, "a1"))
    await keep(lookup, by("ann@example.org", "What is a mutex?", "a2"))
    await keep(lookup, by("bob", "What is the capital of Peru?", "b1"))
    assert await lookup.invalidate(Invalidation(tenant="other", user="ann@example.org")) == 0
    assert await lookup.invalidate(Invalidation(tenant="acme", user="ann@example.org")) == 2
    assert await lookup.invalidate(Invalidation(tenant="acme", user="ann@example.org")) == 0
    for text in (ASKED, SAME, "What is a mutex?"):
        found = await lookup.find(by(None, text), ROUTE, NOW)
        assert isinstance(found, Miss)
        assert found.outcome.reason in {"no near question in this scope", None}
        await lookup.abandon(found)
    assert isinstance(await lookup.find(by(None, "What is the capital of Peru?"), ROUTE, NOW), Hit)
    assert await lookup.invalidate(Invalidation(tenant="acme", request="b1")) == 1
    assert await redis.keys("*ann*") == []


async def test_it_names_one_thing_and_what_is_wrong_is_a_request() -> None:
    for fields in (
        {},
        {"user": "a", "tag": "b"},
        {"tag": "b", "wrong": True},
        {"user": ""},
        {"user": "a", "usr": "b"},
    ):
        with pytest.raises(ValueError, match="validation error"):
            Invalidation.model_validate({"tenant": "acme", **fields})


async def test_a_wrong_pair_never_matches_the_other_way_either(lookup: CacheLookup) -> None:
    await keep(lookup, by(None, ASKED, "first"))
    assert isinstance(await lookup.find(by(None, SAME, "second"), ROUTE, NOW), Hit)
    await lookup.invalidate(Invalidation(tenant="acme", request="second", wrong=True))
    await keep(lookup, by(None, SAME), "Strum.")
    found = await lookup.find(by(None, ASKED), ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.abandon(found)
