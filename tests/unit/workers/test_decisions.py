"""What a worker decides about a request without any server: money, hand-over, keys, eligibility."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.savings import total
from producers.contract import Attempt, Demands, Request, Route, TaggedRequest, Usage, codec
from producers.contract.codec import integer
from producers.contract.reply_address import ReplyAddress
from producers.kafka.broker import Partition, Record
from router.decide.partition_key import PrefixShares, record_key
from runtime.config.catalog import Deployment, Model
from runtime.config.eligibility import ineligibility
from runtime.config.pricing import billed
from runtime.consuming.retry_topics import DELAYS_MS, retry_topic
from tests.flow.stage import catalog, price_of
from tests.unit.router.routing_cases import request
from tests.waiting import suspended
from workers.accounting.savings import savings_of_call
from workers.delivery.cancellations import Cancellations, RequestCancelled
from workers.delivery.work_item import WorkItem, read_work_item, with_lawful_reply
from workers.planning import next_step
from workers.request.requeue import RequeueProgress, requeue_record

USAGES = st.builds(Usage, input_uncached=st.integers(0, 9999), output=st.integers(0, 9999))


def attempt(deployment: str, usage: Usage | None) -> Attempt:
    priced = None if usage is None else price_of(catalog().deployments[deployment], usage)
    return Attempt(deployment=deployment, outcome="x", usage=usage, cost_micro_usd=priced)


ATTEMPTS = st.builds(attempt, st.sampled_from(["eco-a", "eco-b", "std", "odd"]), st.none() | USAGES)


# ---------------------------------------------------------------------------------------- money


@given(st.lists(ATTEMPTS, max_size=5), st.sampled_from(["eco-a", "std", "odd"]), USAGES)
def test_money_adds_up_and_unpriced_is_never_zero(
    failed: list[Attempt], used: str, usage: Usage
) -> None:
    good = attempt(used, usage)
    cost = billed([*failed, good])
    worth = savings_of_call(catalog(), "t", good, failed, price_of)
    if any(one.usage and one.cost_micro_usd is None for one in [*failed, good]):
        assert cost is None
        assert worth.savings is None
    else:
        assert cost is not None
        assert worth.baseline is not None
        assert worth.savings is not None
        assert total(worth.savings) == worth.baseline - cost


def test_no_attempt_costs_nothing_and_one_without_tokens_neither() -> None:
    assert billed([]) == 0
    assert billed([attempt("odd", None)]) == 0
    assert billed([attempt("odd", Usage(output=1))]) is None


# ------------------------------------------------------------------------------------- handover


def job(**headers: str) -> WorkItem:
    asked = request(tenant="t")
    tagged = TaggedRequest(
        route=Route(tier="economy", zone="eu", reasons=("cheap",)), request=asked
    )
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    pairs = codec.to_headers({"x-mine": "kept", "traceparent": "old", **named})
    partition = Partition("llm.tier.economy.eu", 3)
    return read_work_item(Record(partition, 7, b"key", codec.encode(tagged), pairs, 1000))


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [("llm.replies.a", True), ("llm.usage", False), ("llm.tier.premium", False), ("other", False)],
)
def test_a_worker_answers_only_where_the_tenant_may_be_answered(wanted: str, *, kept: bool) -> None:
    asked = ReplyAddress(wanted, partition=3, echo=(("mine", b"1"),))
    lawful = with_lawful_reply(replace(job(), reply=asked), catalog()).reply
    assert lawful == (asked if kept else ReplyAddress(echo=(("mine", b"1"),)))


TRACE = [("traceparent", b"new")]
TRIED = (Attempt(deployment="d", outcome="ServerError"),)


def test_a_rerouted_request_keeps_its_headers_key_zone_and_attempts() -> None:
    before = job(x_visited="local", x_attempt="4")
    step = next_step.Reroute("standard", "economy is down")
    out = requeue_record(before, step, RequeueProgress(TRIED, 1, 94_000), TRACE, catalog())
    assert (out.topic, out.key) == ("llm.tier.standard.us", b"key")
    headers = Counter(name for name, _ in out.headers)
    assert headers == {"x-mine": 1, "traceparent": 1, "x-visited": 1}
    after = read_work_item(Record(Partition(out.topic, 0), 0, out.key, out.value, out.headers, 0))
    assert (after.visited, after.attempts_here) == (("local", "economy"), 0)
    assert after.route.reasons == ("cheap", "economy is down")
    assert after.attempts == TRIED
    assert codec.header(out.headers, "traceparent") == "new"


def test_a_delayed_request_knows_its_way_back_and_its_tries() -> None:
    before = job(x_visited="local")
    progress = RequeueProgress(TRIED, 4, 94_000)
    out = requeue_record(before, next_step.Delay(5, "full"), progress, TRACE, catalog())
    headers = dict(out.headers)
    assert out.topic == "llm.retry.10000"
    assert headers["x-target"] == b"llm.tier.economy.eu"
    assert headers["x-due"] == b"99000"
    after = read_work_item(Record(Partition("x", 0), 0, out.key, out.value, out.headers, 0))
    assert (after.attempts_here, after.visited, after.route) == (4, ("local",), before.route)


@given(st.floats(0, 2000))
def test_the_retry_queue_is_the_shortest_that_is_long_enough(seconds: float) -> None:
    delay_ms = int(retry_topic(seconds).rpartition(".")[2])
    shorter = [delay for delay in DELAYS_MS if delay < delay_ms]
    assert all(delay < seconds * 1000 for delay in shorter)
    assert delay_ms >= seconds * 1000 or delay_ms == DELAYS_MS[-1]


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("-5", None), ("5.0", None), ("\u0665", None), ("", None), ("1" * 16, None)],
)
def test_a_number_in_a_header(text: str, value: int | None) -> None:
    assert integer([("n", text.encode())], "n") == value


# ----------------------------------------------------------------------------------------- keys


def test_a_hot_prefix_is_spread_as_its_share_asks_and_a_cold_one_stays_together() -> None:
    def keys(share: float) -> Counter[bytes]:
        asked: list[Request] = [request().model_copy(update={"id": f"r{n}"}) for n in range(1000)]
        return Counter(record_key(one, "prefix", share, 12) for one in asked)

    assert len(keys(0.01)) == 1
    half = keys(0.5)
    assert len(half) == 6
    assert max(half.values()) < 2 * min(half.values())


def test_shares_follow_the_traffic_and_forget() -> None:
    shares = PrefixShares()
    for _ in range(5000):
        shares.add("old")
    for _ in range(40_000):
        share = shares.add("new")
    assert share > 0.98
    assert shares.add(None) == 0


def test_an_ordered_conversation_is_its_own_key() -> None:
    asked = request(routing={"conversation": "c", "ordered": True})
    assert record_key(asked, "prefix", 1.0, 12) == b"c"
    assert record_key(request(), None, 0, 12) == b"r1"


# ---------------------------------------------------------------------------------- eligibility

ZONES = st.sampled_from(["eu", "us", "moon"])
DEPLOYMENTS = st.builds(
    lambda zone, own: Deployment(
        model="m", provider="p", base_url="http://x", zone=zone, self_hosted=own
    ),
    ZONES,
    st.booleans(),
)
DEMANDS = st.builds(
    Demands,
    zones=st.none() | st.lists(ZONES, max_size=2).map(tuple),
    self_hosted_only=st.booleans(),
    prompt_tokens=st.integers(0, 200),
)


@given(DEPLOYMENTS, DEMANDS)
def test_data_never_leaves_its_zones(deployment: Deployment, demands: Demands) -> None:
    model = Model(family="f", context_window=100)
    if ineligibility(deployment, model, demands) is None:
        zones = demands.zones
        assert zones is None or deployment.zone in zones
        assert deployment.self_hosted or not demands.self_hosted_only
        assert demands.prompt_tokens <= 100


# --------------------------------------------------------------------------------- cancellations


def cancelled(identifier: str, tenant: str | None = "t") -> Record:
    headers = codec.to_headers({codec.TENANT_HEADER: tenant})
    return Record(Partition("llm.cancellations", 0), 0, identifier.encode(), b"", headers, 0)


async def test_two_tasks_with_one_id_are_both_stopped_and_leave_nothing() -> None:
    cancellations, begun = Cancellations(), asyncio.Semaphore(0)

    async def serve() -> str:
        try:
            with cancellations.stopping("t", "r"):
                begun.release()
                await asyncio.Event().wait()
        except RequestCancelled:
            return "cancelled"
        return "served"

    tasks = [asyncio.create_task(serve()) for _ in range(2)]
    for _ in tasks:
        await begun.acquire()
    cancellations.receive(cancelled("other"))
    cancellations.receive(cancelled("r", "u"))
    cancellations.receive(cancelled("r"))
    assert await asyncio.gather(*tasks) == ["cancelled"] * 2
    assert await serve() == "cancelled"  # it is known from now on


async def test_one_tenant_cancels_no_request_of_another() -> None:
    cancellations = Cancellations()
    cancellations.receive(cancelled("r", "u"))
    with cancellations.stopping("t", "r"):
        pass
    with pytest.raises(RequestCancelled), cancellations.stopping("u", "r"):
        pass


async def test_a_jobs_cancellation_is_that_of_all_its_lines_and_of_no_other_request() -> None:
    job, cancellations = f"batch_{1:024x}", Cancellations()
    begun = asyncio.Event()

    async def serve() -> None:
        with cancellations.stopping("t", f"{job}-0"):
            begun.set()
            await asyncio.Event().wait()

    line = asyncio.create_task(serve())
    await begun.wait()
    cancellations.receive(cancelled(job, "u"))
    cancellations.receive(cancelled(f"batch_{2:024x}"))
    await suspended(line)
    cancellations.receive(cancelled(job))
    with pytest.raises(RequestCancelled):
        await line
    assert cancellations.is_cancelled(("t", f"{job}-199999"))
    for other in (f"{job}-x", f"{job}-", f"{job}-1-1", f"x{job}-1", f"batch_{3:024x}-1", "-1"):
        assert not cancellations.is_cancelled(("t", other))


@pytest.mark.parametrize(
    ("key", "tenant"), [("r", None), ("", "t"), ("r" * 201, "t"), ("r", "x" * 900_000), ("r", "")]
)
async def test_a_cancellation_that_names_no_request_is_refused(
    key: str, tenant: str | None
) -> None:
    cancellations = Cancellations()
    with pytest.raises(ValueError, match="and its tenant"):
        cancellations.receive(cancelled(key, tenant))
    with cancellations.stopping("t", "r"):
        pass


async def test_one_without_a_tenant_counts_for_all_where_it_is_configured() -> None:
    cancellations = Cancellations(without_tenant=True)
    cancellations.receive(cancelled("r", None))
    with pytest.raises(RequestCancelled), cancellations.stopping("t", "r"):
        pass


async def test_the_second_of_two_may_end_after_the_first() -> None:
    cancellations = Cancellations()
    with cancellations.stopping("t", "r"):
        task = asyncio.create_task(_pass(cancellations))
        await task
    cancellations.receive(cancelled("r", "t"))
    with pytest.raises(RequestCancelled), cancellations.stopping("t", "r"):
        pass


async def _pass(cancellations: Cancellations) -> None:
    with cancellations.stopping("t", "r"):
        await asyncio.sleep(0)


async def test_a_stop_of_the_process_is_no_cancellation_by_the_caller() -> None:
    cancellations = Cancellations()

    async def serve() -> None:
        with cancellations.stopping("t", "r"):
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await suspended(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_job_without_headers_is_readable() -> None:
    plain = replace(job().record, headers=())
    read = read_work_item(plain)
    assert (read.reply.named_topic, read.deadline_ms, read.visited, read.attempts_here) == (
        None,
        None,
        (),
        0,
    )
    assert read.submitted_ms == 1000
