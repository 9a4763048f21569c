"""The promise covers every step: hits are sampled, a step that breaks it closes and opens again."""

import io
import json
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from rich.console import Console

from cache.commands.stats import StepStats, as_json, print_stats, tenant_stats
from cache.lookup import CLOSED, CacheLookup
from cache.results.lookup_result import Hit, Miss, ShadowCheck
from cache.shadow_checks import MEASURED_ERROR
from runtime.config.sections.cache import CacheSettings
from tests.contract.cache.asking import NOW, ROUTE, answer_of, done, request

pytestmark = pytest.mark.redis

SETTINGS = CacheSettings.model_validate({"budget_ms": 2000, "defaults": {"shadow_share": 1}})
ASKED = "What is the capital of Peru?"
FORMS = {"exact": ASKED, "canonical": f"  {ASKED} "}


class SameWords:
    """Whoever says it in other words says something else."""

    error = MEASURED_ERROR

    async def same(self, question: str, kept: str, new: str) -> bool | None:  # noqa: ARG002
        return kept == new


@pytest.fixture
async def lookup(redis: Redis) -> AsyncIterator[CacheLookup]:
    made = CacheLookup(SETTINGS, redis, answers=SameWords())
    yield made
    await made.close()


async def keep(lookup: CacheLookup, answer: str = "Lima") -> None:
    found = await lookup.find(request(ASKED), ROUTE, NOW)
    assert isinstance(found, Miss)
    await lookup.store_answer(found, done(answer))


async def close(lookup: CacheLookup, text: str) -> None:
    """Every hit turns out to be wrong, until there are no more."""
    for n in range(12):
        found = await lookup.find(request(text, mode="only-if-cached"), ROUTE, NOW)
        if isinstance(found, Miss):
            return
        assert isinstance(found, Hit)
        assert isinstance(found.follow_up, ShadowCheck)
        assert await lookup.take_follow_up(found.follow_up, done(f"{n}")) is False
        kept = await lookup.find(request(ASKED, mode="no-cache"), ROUTE, NOW)
        assert isinstance(kept, Miss)
        await lookup.store_answer(kept, done("Lima"))
    raise AssertionError("it never closed")


async def steps_of(redis: Redis) -> dict[str, StepStats]:
    stats = await tenant_stats(redis, SETTINGS, "acme")
    return {step.step: step for step in stats.promise}


@pytest.mark.parametrize("step", FORMS)
async def test_a_step_that_breaks_its_promise_closes_alone(
    lookup: CacheLookup, redis: Redis, step: str
) -> None:
    await keep(lookup)
    await close(lookup, FORMS[step])
    found = await lookup.find(request(FORMS[step], mode="only-if-cached"), ROUTE, NOW)
    assert isinstance(found, Miss)
    assert found.outcome.reason == CLOSED
    (other,) = set(FORMS) - {step}
    served = await lookup.find(request(FORMS[other]), ROUTE, NOW)
    assert isinstance(served, Hit)
    assert served.outcome.step == other
    state = (await steps_of(redis))[step]
    assert (state.state, state.group, state.language) == ("closed", "tier:economy", "en")


async def test_it_closes_for_its_language_and_its_group_alone(lookup: CacheLookup) -> None:
    german, scoped = "Was ist die Hauptstadt von Peru?", request(ASKED, scope="docs")
    for asked in (request(german), scoped):
        found = await lookup.find(asked, ROUTE, NOW)
        assert isinstance(found, Miss)
        await lookup.store_answer(found, done("Lima"))
    await keep(lookup)
    await close(lookup, ASKED)
    assert answer_of(await lookup.find(request(german), ROUTE, NOW)) == "Lima"
    assert answer_of(await lookup.find(scoped, ROUTE, NOW)) == "Lima"


async def test_a_closed_step_opens_when_its_would_be_hits_are_right(
    lookup: CacheLookup, redis: Redis
) -> None:
    await keep(lookup)
    await close(lookup, ASKED)
    bought = 0
    while isinstance(found := await lookup.find(request(ASKED), ROUTE, NOW), Miss):
        assert found.trial is not None
        assert found.leader is None  # whoever waited would be refused what it waits for
        await lookup.store_answer(found, done("Lima"))
        bought += 1
        assert bought < 200
    assert bought > 50
    assert (await steps_of(redis))["exact"].state == "unproven"


async def test_an_answer_that_is_not_whole_proves_nothing(
    lookup: CacheLookup, redis: Redis
) -> None:
    await keep(lookup)
    found = await lookup.find(request(ASKED), ROUTE, NOW)
    assert isinstance(found, Hit)
    assert isinstance(found.follow_up, ShadowCheck)
    assert await lookup.take_follow_up(found.follow_up, done("Li", finish="length")) is None
    assert answer_of(await lookup.find(request(ASKED), ROUTE, NOW)) == "Lima"
    assert {step.checked for step in (await steps_of(redis)).values()} <= {0}


async def test_no_hit_is_sampled_where_the_share_is_nothing_or_answers_vary(redis: Redis) -> None:
    for changes in ({"shadow_share": 0}, {"shadow_share": 1, "allow_sampling": True}):
        settings = CacheSettings.model_validate({"budget_ms": 2000, "defaults": changes})
        lookup = CacheLookup(settings, redis, answers=SameWords())
        if isinstance(missed := await lookup.find(request(ASKED), ROUTE, NOW), Miss):
            await lookup.store_answer(missed, done())
        found = await lookup.find(request(ASKED), ROUTE, NOW)
        assert isinstance(found, Hit)
        assert found.follow_up is None
        await lookup.close()


async def test_hits_are_counted_by_step_and_language(lookup: CacheLookup, redis: Redis) -> None:
    await keep(lookup)
    for text in (*FORMS.values(), ASKED):
        assert isinstance(await lookup.find(request(text), ROUTE, NOW), Hit)
    await lookup.close()
    assert {step.step: step.hits for step in (await steps_of(redis)).values()} == {
        "exact": 2,
        "canonical": 1,
    }


JUNK = (b"", b"\xff\xfe", b"NaN", b"-1", b"1e400", b"9" * 5_000, b"[" * 5_000, b'{"a": 1e400}')


@pytest.mark.parametrize("kind", ["fields", "string", "list"])
@pytest.mark.parametrize("junk", JUNK)
async def test_junk_in_redis_hides_no_stats(
    redis: Redis, lookup: CacheLookup, kind: str, junk: bytes
) -> None:
    await keep(lookup)
    await lookup.find(request(ASKED), ROUTE, NOW)
    prefix = SETTINGS.key_prefix
    names = {name async for name in redis.scan_iter(match="*{acme}*")}
    names |= {f"{prefix}{{acme}}:{part}".encode() for part in ("account", "hits", "bounds:x")}
    for name in names:
        if kind == "fields" and await redis.type(name) in (b"hash", b"none"):
            await redis.hset(name, mapping={junk: junk, b"bytes": junk, b"g|exact.en": junk})
        elif kind != "fields":
            await redis.delete(name)
            await (redis.set(name, junk) if kind == "string" else redis.rpush(name, junk))
    stats = await tenant_stats(redis, SETTINGS, "acme")
    assert 0 <= stats.bytes < 10**18
    json.loads(as_json(stats), parse_constant=pytest.fail)
    print_stats(stats, Console(file=io.StringIO(), width=200))
