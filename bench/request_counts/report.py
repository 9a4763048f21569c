"""The counts of a decision, a call and a hit, held against those that are committed."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from redis.asyncio import Redis

from bench.request_counts.counting import WARM_UP, Counts, counted
from bench.request_counts.hot_path import HotPath, hot_path
from observability.logs import start_logging
from producers.kafka.broker import Record
from router.serve.handler import route_record
from workers.request.handler import serve_one

COMMITTED: Final = Path(__file__).parent.parent / "results" / "request_counts.json"
TOLERANCE: Final = 0.08
"""How far a count may rise before the check fails."""
_OTHERWISE: Final[Mapping[str, float]] = {
    "redis_commands": 0,
    "redis_trips": 0,
    "peak_kb": 0.4,
}
"""In place of the tolerance: a trip more is one too many; memory depends on what else is loaded."""
_RECORDS: Final = WARM_UP + 24
_TEXT: Final = (
    "summarise the report of this quarter in one sentence and say what the region sold which "
    "products grew where costs rose how many customers came and why the margin fell again"
)
_WORDS: Final = _TEXT.split()

AllCounts: TypeAlias = dict[str, Counts]


async def request_counts(redis_url: str, folder: Path) -> AllCounts:
    """By what is done: `decision` (the router's), `call` and `hit` (the worker's).

    Run it on uvloop, as the processes do: turns of a loop in Python would be counted, too.
    folder: for the configuration, the default one without the semantic step, whose embedding
    `bench.cache` measures.
    """
    start_logging("ERROR")
    redis = Redis.from_url(redis_url)
    async with redis, hot_path(redis_url, request_config(folder)) as path:
        route, serve = partial(route_record, path.router), partial(serve_one, path.pool)
        new, random = [path.asked(prompt_of(Random(n))) for n in range(_RECORDS)], Random(0)
        decision = await counted(path, route, new, redis)
        call = await counted(path, serve, tagged_records(path, _RECORDS), redis)
        known = [path.asked(prompt_of(Random(random.randrange(_RECORDS)))) for _ in new]
        for record in known:
            await route(record)
        hit = await counted(path, serve, tagged_records(path, _RECORDS), redis)
    return {"decision": decision, "call": call, "hit": hit}


def request_config(folder: Path) -> Path:
    """With time enough for Redis on the busiest machine: a look-up that is given up is no look."""
    config = folder / "switchgear.yaml"
    default = Path("switchgear.yaml").read_text(encoding="utf-8")
    cache = "cache: {embedder: {kind: none}, budget_ms: 2000}"
    config.write_text(f"{default}\n{cache}\n", encoding="utf-8")
    return config


def prompt_of(random: Random) -> str:
    """About a kilobyte; the first words are seen once, as names and numbers are."""
    once = " ".join(f"x{random.getrandbits(40):x}" for _ in range(5))
    return f"{once} {' '.join(random.choices(_WORDS, k=160))}."


def tagged_records(path: HotPath, count: int) -> list[Record]:
    """What the router has written since the last time, as the worker reads it."""
    published, path.publisher.published = path.publisher.published, []
    queued = [each for each in published if each.topic.startswith("llm.tier.")]
    assert len(queued) == count, f"{len(queued)} of {count} requests were routed"
    return [path.publisher.record_of(each) for each in queued]


def written_counts(counts: AllCounts) -> str:
    """The file that is committed."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    rows = {name: asdict(each) for name, each in counts.items()}
    return json.dumps({"python": python, **rows}, indent=1) + "\n"


def committed_counts() -> dict[str, dict[str, float]]:
    """What was committed; empty for another Python, which calls differently."""
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    if document.pop("python") != f"{sys.version_info.major}.{sys.version_info.minor}":
        return {}
    return document  # type: ignore[no-any-return]  # as `written_counts` wrote it


def regressions(counts: AllCounts) -> Iterator[str]:
    """Each count that has risen, in words; a fall is for whoever commits the new figures."""
    for name, before in committed_counts().items():
        for what, now in asdict(counts[name]).items():
            allowed = before[what] * (1 + _OTHERWISE.get(what, TOLERANCE))
            if now > allowed:
                yield f"{name}: {what} {now:,.1f}, committed {before[what]:,.1f}"
