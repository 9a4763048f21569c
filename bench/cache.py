"""Cache benchmark: latency and CPU of a look-up with 100,000 entries, and the hit test's quality.

    python -m bench.cache [--entries 100000] [--redis-entries 10000]

Exact: the same words again. Semantic, cold: words never seen, so embedding, search, reading and
verifying are in the figure; in turns with it a look-up whose doubts are read together. The quality
is that of `dev.train_verifier`, measured across clusters.
Writes bench/results/cache.json.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from redis.asyncio import Redis

from bench.machine import description
from cache.lookup import CacheLookup, SemanticStep
from cache.results.kept_answer import new_entry
from cache.results.lookup_result import Bypass, Hit, Miss
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.pair_encoder import PairEncoder
from cache.semantic.pair_reader import PairReader
from cache.semantic.vector_index import ProcessIndex, RedisIndex, VectorIndex
from cache.semantic.verifier_file import load_verifier
from cache.storage.entry import encode_entry
from cache.verification.verifier import EmbeddedText
from dev.redis_server import redis_server, url_of
from producers.contract import (
    CacheOutcome,
    ChatBody,
    Done,
    Request,
    Route,
    RouteTaken,
    Timings,
    Usage,
)
from runtime.config.sections.cache import CacheSettings

RESULTS: Final = Path(__file__).with_name("results")
ROUTE: Final = Route(tier="economy")
SETTINGS: Final = CacheSettings.model_validate(
    {
        "budget_ms": 10_000,
        "defaults": {"target_false_hits": 0.05, "shadow_share": 0, "quota_mb": 10_000},
    }
)
VERBS: Final = ("repair", "clean", "store", "buy", "paint", "weigh", "draw", "transport")
THINGS: Final = ("bicycle", "guitar", "carpet", "piano", "tent", "mirror", "statue", "barrel")
PLACES: Final = ("a small flat", "a garden", "the mountains", "a hotel", "an office", "a school")
LOOKS: Final = 300


def request(text: str) -> Request:
    """A question without a system prompt."""
    body = ChatBody(messages=[{"role": "user", "content": text}])
    return Request(id="bench", tenant="bench", body=body)


def answer() -> Done:
    """About a kilobyte."""
    message = {"role": "assistant", "content": "Begin with the easiest part. " * 35}
    return Done(
        id="bench",
        body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
        route=RouteTaken(tier="economy"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(input_uncached=20, output=300),
        cost_micro_usd=Decimal(200),
        baseline_micro_usd=None,
        timings=Timings(),
    )


async def keep_questions(lookup: CacheLookup) -> list[tuple[str, str, str]]:
    """Keeps those of some questions that the cache takes; each with two in other words."""
    pairs = [
        (
            f"How do I {verb} a {thing} in {place}?",
            f"What is the way to {verb} a {thing} in {place}?",
            f"In {place}, how does one {verb} a {thing}?",
        )
        for verb, thing, place in product(VERBS, THINGS, PLACES)
    ]
    taken = []
    for pair in pairs:
        found = await lookup.find(request(pair[0]), ROUTE, 0)
        if isinstance(found, Miss):
            await lookup.store_answer(found, answer())
        if not isinstance(found, Bypass):
            taken.append(pair)
    return taken


async def fill(redis: Redis, lookup: CacheLookup, index: VectorIndex, entries: int) -> None:
    """Entries of the same scope in random directions, as whole as any other."""
    model = await lookup.find(request("What is the capital of Peru?"), ROUTE, 0)
    assert isinstance(model, Miss)
    assert model.indexed is not None
    entry = encode_entry(new_entry(model, answer(), 10**9))
    random, scope = np.random.default_rng(0), model.terms.question.scope
    prefix = f"{SETTINGS.key_prefix}:{{bench}}:e:{scope}."
    for start in range(0, entries, 500):
        names = [f"{at:032x}" for at in range(start, min(start + 500, entries))]
        await redis.mset({prefix + name: entry for name in names})
        for name in names:
            vector = random.standard_normal(model.indexed.vector.size).astype(np.float32)
            unit = vector / np.float32(np.linalg.norm(vector))
            await index.add(model.indexed.space, f"{scope}.{name}", unit, 86_400)
    await lookup.abandon(model)


@dataclass(slots=True)
class Spent:
    """Milliseconds of each look, and this process's seconds of CPU for all."""

    ms: list[float] = field(default_factory=list)
    cpu_s: float = 0

    def figures(self) -> dict[str, float]:
        """p50 and p99, and the CPU of each.

        On a busy machine the percentiles hold the waiting for a core, the CPU doesn't.
        """
        return {
            "p50_ms": round(statistics.median(self.ms), 3),
            "p99_ms": round(sorted(self.ms)[int(0.99 * len(self.ms))], 3),
            "cpu_ms": round(self.cpu_s * 1000 / len(self.ms), 3),
        }


async def in_turns(
    looks: Sequence[Callable[[int], Awaitable[object]]], times: int = LOOKS
) -> list[Spent]:
    """One after the other, each way of looking in its turn."""
    spent = [Spent() for _ in looks]
    for at in range(times):
        for look, mine in zip(looks, spent, strict=True):
            began, cpu = time.perf_counter(), time.process_time()
            await look(at)
            mine.ms.append((time.perf_counter() - began) * 1000)
            mine.cpu_s += time.process_time() - cpu
    return spent


async def timed(look: Callable[[int], Awaitable[object]], times: int = LOOKS) -> dict[str, float]:
    """One way of looking, by itself."""
    [spent] = await in_turns([look], times)
    return spent.figures()


def timed_reader(spent: Spent) -> PairReader:
    """A reader of pairs that are in doubt, its model loaded. spent: on the pairs alone."""
    encoder = PairEncoder(Path(SETTINGS.pair_encoder.directory))

    def score(
        asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float:
        began, cpu = time.perf_counter(), time.thread_time()
        found = encoder.score_now(asked, stored, verified, language)
        spent.ms.append((time.perf_counter() - began) * 1000)
        spent.cpu_s += time.thread_time() - cpu
        return found

    return PairReader(encoder.classifier, lambda: score, wait_s=10)


async def cpu_of_exact(lookup: CacheLookup, text: str, at_once: int = 64, each: int = 60) -> float:
    """Milliseconds of this process's CPU for one exact hit when many are looked up at once."""

    async def look() -> None:
        for _ in range(each):
            assert isinstance(await lookup.find(request(text), ROUTE, 1), Hit)

    began = time.process_time()
    await asyncio.gather(*(look() for _ in range(at_once)))
    return round((time.process_time() - began) * 1000 / (at_once * each), 4)


async def measure(
    redis: Redis, make: Callable[[Redis], VectorIndex], entries: int
) -> dict[str, Any]:
    """One index back end."""
    await redis.flushall()
    embedder, index = LocalEmbedder(Path("var/embedder")), make(redis)
    verifier = load_verifier(SETTINGS, embedder.version)
    step, reading = SemanticStep(embedder, verifier, index), Spent()
    reader = timed_reader(reading)
    lookup = CacheLookup(SETTINGS, redis, step)
    together = CacheLookup(SETTINGS, redis, replace(step, pairs=reader))
    pairs = await keep_questions(lookup)
    await fill(redis, lookup, index, entries)

    async def exact(at: int) -> None:
        found = await lookup.find(request(pairs[at % len(pairs)][0]), ROUTE, 1)
        assert isinstance(found, Hit)

    hits = [0, 0]

    async def semantic(way: int, at: int) -> None:
        asked = request(pairs[at][1 + (at + way) % 2])  # neither has embedded the other's words
        only = asked.routing.cache.model_copy(update={"mode": "only-if-cached"})
        routing = asked.routing.model_copy(update={"cache": only})
        whole = asked.model_copy(update={"routing": routing})
        found = await (lookup, together)[way].find(whole, ROUTE, 1)
        hits[way] += isinstance(found, Hit)

    embedding = await timed(lambda at: embedder.embed(pairs[-at - 1][1]), 50)
    figures: dict[str, Any] = {
        "entries": entries + len(pairs),
        "exact": await timed(exact),
        "exact_cpu_ms": await cpu_of_exact(lookup, pairs[0][0]),
    }
    alone, both = await in_turns([partial(semantic, 0), partial(semantic, 1)])
    figures |= {
        "semantic_cold": alone.figures(),
        "of that, embedding": embedding,
        "semantic_hits": f"{hits[0]} of {LOOKS}",
        "doubts read together": both.figures(),
        "of that, a pair": reading.figures() if reading.ms else None,
        "pairs read": f"{len(reading.ms)} of {LOOKS}",
        "hits with them": f"{hits[1]} of {LOOKS}",
    }
    reader.close()
    await lookup.close()
    embedder.close()
    return figures


async def run(entries: int, redis_entries: int) -> dict[str, Any]:
    """Both back ends on a Redis of their own."""
    with tempfile.TemporaryDirectory() as folder:
        server = redis_server(Path(folder))
        server = replace(server, argv=[*server.argv, "--appendonly", "no"])
        server.start()
        try:
            async with Redis.from_url(url_of(server)) as redis:
                return {
                    "in process": await measure(redis, lambda r: ProcessIndex(r, "log"), entries),
                    "Redis vector sets": await measure(redis, RedisIndex, redis_entries),
                }
        finally:
            server.stop()


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--redis-entries", type=int, default=10_000)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = {
        "machine": description(),
        "load average before": round(load, 1),
        "lookup": asyncio.run(run(options.entries, options.redis_entries)),
        "hit test": json.loads((RESULTS / "verifier.json").read_text()),
    }
    (RESULTS / "cache.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
