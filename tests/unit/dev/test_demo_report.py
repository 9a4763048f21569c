"""Are the demo's figures the ones its answers add up to?"""

from collections import Counter
from decimal import Decimal

from dev.demo_report import summary
from dev.demo_traffic import Answer, Seen, traffic
from producers import Chunk, Done, Failed, Usage, chat
from producers.contract import CacheOutcome, RouteTaken, Timings, codec
from producers.kafka.broker import Partition, Record


def answered(*, hit: bool, cost: int, took_ms: float) -> Answer:
    request = chat("hi", tenant="t")
    reply = Done(
        id=request.id,
        body={},
        route=RouteTaken(tier="economy"),
        cache=CacheOutcome(result="hit" if hit else "miss"),
        usage=Usage(),
        cost_micro_usd=Decimal(cost),
        baseline_micro_usd=Decimal(1_000),
        timings=Timings(),
    )
    return Answer(request, reply, took_ms)


def refused() -> Answer:
    request = chat("hi", tenant="t")
    failed = Failed(id=request.id, code="overloaded", message="later", retryable=True)
    return Answer(request, failed, 5)


def test_lost_failed_and_doubled_replies_are_counted_apart() -> None:
    answers = [
        answered(hit=False, cost=400, took_ms=100),
        answered(hit=True, cost=0, took_ms=2),
        refused(),
    ]
    finals = Counter({answer.request.id: 1 for answer in answers})
    finals[answers[0].request.id] += 1
    figures = summary(answers, asked=4, finals=finals)
    assert figures["replies"] == 3
    assert figures["failed"] == 1
    assert figures["lost"] == 1
    assert figures["duplicates"] == 1
    assert figures["cache_hits"] == 1
    assert figures["cost_usd"] == 0.0004
    assert figures["saved_pct"] == 80.0
    assert figures["tiers"] == {"economy": 2}


def test_the_observer_counts_final_replies_only() -> None:
    seen = Seen()
    for value in (
        codec.encode(Chunk(id="a", seq=0, delta={})),
        codec.encode(Failed(id="a", code="overloaded", message="m", retryable=True)),
        b"not a reply",
    ):
        seen.receive(Record(Partition("llm.replies", 0), 0, b"a", value, [], 0))
    assert seen.finals == {"a": 1}


def test_the_traffic_repeats_prompts_and_streams_some() -> None:
    requests = list(traffic())
    prompts = [request.body.messages[0].get("content") for request in requests]
    assert len(requests) >= 200
    assert len(set(map(str, prompts))) < len(prompts)
    assert 0 < sum(request.body.stream for request in requests) < len(requests)
    assert len({request.id for request in requests}) == len(requests)
