"""Are limits of a tenant kept before money is spent, and slots for the others?"""

import asyncio

from producers import Done, Failed
from runtime.consuming.tenant_shares import ShareRules, TenantShares
from tests.fakes import always_42
from tests.flow.stage import ask, catalog, playing
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit


async def test_a_request_beyond_a_limit_is_refused_before_it_costs() -> None:
    tenants = {"t": {"limits": {"requests_s": 3}}, "other": {}}
    async with playing(catalog=catalog(tenants=tenants)) as stage:
        replies = await asyncio.gather(*(stage.client.submit(ask()) for _ in range(10)))
        refused = [reply for reply in replies if isinstance(reply, Failed)]
        assert {reply.code for reply in refused} == {"rate_limited"}
        assert len(refused) >= 6
        assert all(reply.retryable and (reply.retry_after_s or 0) > 0 for reply in refused)
        assert len(stage.called()) == 10 - len(refused)
        assert isinstance(await stage.client.submit(ask(tenant="other")), Done)


async def test_tokens_and_bytes_are_counted_too() -> None:
    tenants = {
        "t": {"limits": {"tokens_min": 1_000}},
        "large": {"limits": {"bytes_s": 2_000}},
    }
    async with playing(catalog=catalog(tenants=tenants)) as stage:
        for tenant, prompt, words in (
            ("t", "one", "tokens/min"),
            ("large", "x" * 1_500, "bytes/s"),
        ):
            replies = [
                await stage.client.submit(ask(prompt, tenant=tenant, max_tokens=600))
                for _ in range(3)
            ]
            (first, *others) = replies
            assert isinstance(first, Done)
            assert any(isinstance(reply, Failed) and words in reply.message for reply in others)


async def test_strangers_share_one_limit() -> None:
    tenants = {"t": {}, "*": {"limits": {"requests_s": 2}}}
    async with playing(catalog=catalog(tenants=tenants)) as stage:
        replies = await asyncio.gather(
            *(stage.client.submit(ask(tenant=f"invented-{number}")) for number in range(10))
        )
        assert sum(isinstance(reply, Failed) for reply in replies) >= 7


async def test_one_tenants_slow_calls_leave_a_slot() -> None:
    """Eight slots, eight calls that don't end: the next tenant is answered all the same."""
    held = asyncio.Event()

    async def slow(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
        if "slow" in str(call.body.messages):
            await held.wait()
        return await always_42(call, emit)

    tenants: dict[str, object] = {"t": {}, "acme": {}}
    shares = TenantShares(lambda _: (ShareRules(8, 0.5, 2), None))
    async with playing(
        {"eco-a": slow},
        catalog=catalog(tenants=tenants),
        concurrency=8,
        shares=shares,
    ) as stage:
        slow_ones = [
            asyncio.create_task(stage.client.submit(ask(f"slow {number}", model="economy")))
            for number in range(12)
        ]
        await stage.broker.until(lambda: len(stage.calls) == 7)
        done = await stage.client.submit(ask("quick", tenant="acme", model="economy"))
        assert isinstance(done, Done)
        held.set()
        assert all(isinstance(reply, Done) for reply in await asyncio.gather(*slow_ones))
