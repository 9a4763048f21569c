"""The call that the cache asks for after a hit has an account of its own."""

from dataclasses import dataclass
from decimal import Decimal

from redis.exceptions import ResponseError

from cache.results.lookup_result import AnswerCheck, Hit, LookupResult, Miss, Refresh
from observability.tracing.tracer import OpenSpan
from producers.contract import CacheOutcome, Done, Request, Route, Savings, Usage, codec, topics
from producers.contract.invalidation import Invalidation
from producers.kafka.broker import Outgoing
from tests.fakes import MemoryAnswers, answer, fails
from tests.flow.stage import ask, catalog, playing
from tests.waiting import until
from workers.providers.base.call_outcome import StreamTruncated


@dataclass
class StaleAnswers(MemoryAnswers):
    """Every answer is old: it is served, and asked for again."""

    async def find(
        self,
        request: Request,
        route: Route,
        now_ms: int,
        span: OpenSpan,
        check: AnswerCheck | None = None,
    ) -> LookupResult:
        """A hit with a call to make after it."""
        miss = await super().find(request, route, now_ms, span, check)
        assert isinstance(miss, Miss)
        outcome = CacheOutcome(result="hit", step="exact", saved_micro_usd=Decimal(20))
        body = answer("old").body
        return Hit(body, Usage(input_uncached=10, output=10), outcome, Refresh(miss))


async def test_renewing_a_stale_answer_costs_and_is_no_request() -> None:
    async with playing(answers=StaleAnswers()) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        assert (done.cache.result, done.cost_micro_usd) == ("hit", Decimal(0))
        hit, aside = await stage.events(2)
        assert (hit.aside, aside.aside, aside.id) == (None, "cache", f"{done.id}:cache")
        assert (hit.cost_micro_usd, aside.cost_micro_usd) == (Decimal(0), Decimal(20))
        assert (aside.baseline_micro_usd, aside.savings) == (
            Decimal(0),
            Savings(cache=Decimal(-20)),
        )
        assert (aside.cache.result, aside.prompt_hash) == ("bypass", None)
        assert (aside.model, aside.deployment) == ("small", "eco-a")


async def test_a_renewal_that_fails_is_paid_all_the_same() -> None:
    cut = fails(StreamTruncated(message="it ended early", usage=answer().usage))
    scripts = dict.fromkeys(["eco-a", "eco-b", "std"], cut)
    async with playing(scripts, answers=StaleAnswers()) as stage:
        await stage.client.submit(ask())
        _, aside = await stage.events(2)
        assert (aside.aside, aside.outcome) == ("cache", "providers_exhausted")
        assert aside.cost_micro_usd == 20 * len(stage.calls) > 0


async def test_a_renewal_is_paid_from_the_budget_and_not_made_beyond_it() -> None:
    tenants = {"t": {"budget_usd_day": 0.000001}}
    async with playing(catalog=catalog(tenants=tenants), answers=StaleAnswers()) as stage:
        done = await stage.client.submit(ask())
        assert isinstance(done, Done)
        await stage.broker.until(lambda: stage.answers.open == 0)
    assert len(stage.broker.written(topics.USAGE)) == 1
    assert stage.calls == []


@dataclass
class JunkOfOneTenant(MemoryAnswers):
    """Somebody has written a value of another type under a key of `acme`'s answers."""

    async def invalidate(self, what: Invalidation) -> int:
        if what.tenant == "acme":
            raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
        return await super().invalidate(what)


async def test_junk_under_one_tenants_key_holds_up_no_other_invalidation() -> None:
    answers = JunkOfOneTenant()
    async with playing(answers=answers) as stage:
        await stage.client.submit(ask())
        assert answers.kept
        orders = [Invalidation(tenant=tenant, everything=True) for tenant in ("acme", "t")]
        written = [
            Outgoing(topics.CACHE_INVALIDATIONS, codec.encode(each), b"k") for each in orders
        ]
        await stage.broker.publish(*written)
        await stage.broker.has(topics.DEAD_LETTERS, 1)
        await until(lambda: not answers.kept)
        assert stage.dead_letters() == [(written[0].value, "internal_error")]
