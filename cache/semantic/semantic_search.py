"""Has a question been answered in other words, within the same scope?

Embed, search, read the nearest entries, verify: all within one budget. Whatever is late or away
makes a miss; nothing is served that the verifier has not accepted.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from observability.semconv import CACHE_COSINES, CACHE_REASON, CACHE_SCORE, Attributes
from observability.tracing import OpenSpan
from runtime.redis.errors import REDIS_UNAVAILABLE

from . import sketch as sketches
from .accept import STRICTER, Accepted, decide
from .budget import within
from .embed import Embedder
from .entry import Entry
from .found import Placed
from .guard import differences
from .index import Index
from .key import Question
from .patience import Patience
from .promise import Promise, believed, read_promise, read_record, shadow_chance
from .reads import Reads, Unavailable
from .settings import Policy
from .sketch import Sketch, draw
from .store import Store, glance
from .verify import Text, Verifier
from .words import read

CANDIDATES: Final = 3
LEAST_COSINE: Final = 0.6
"""Below it lie 1.3 % of the duplicates of the training data: not worth reading and verifying."""


@dataclass(frozen=True, slots=True)
class Served:
    """A kept question whose answer serves. shadow: check this hit against the model."""

    name: str
    entry: Entry
    score: float
    shadow: bool


@dataclass(frozen=True, slots=True)
class Unlike:
    """No such question: `reason`. placed: where this one belongs, if it was embedded."""

    reason: str
    placed: Placed | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    entry: Entry
    sketch: Sketch
    record: str | None


@dataclass(frozen=True, slots=True)
class Want:
    """A question, and under what terms it may be served.

    age: of the tenant's entries; group: whose promise counts; now_ms: Unix milliseconds.
    """

    question: Question
    policy: Policy
    age: str
    group: str
    now_ms: int


Neighbour: TypeAlias = Served | Unlike


class Neighbours:
    """The semantic step of the lookup."""

    def __init__(  # noqa: PLR0913 - the parts it is made of
        self,
        store: Store,
        reads: Reads,
        index: Index,
        embedder: Embedder,
        verifier: Verifier,
        *,
        budget_s: float,
    ) -> None:
        self._store = store
        self._reads = reads
        self._index = index
        self._embedder = embedder
        self._verifier = verifier
        self._budget_s = budget_s
        self._patience = Patience()
        self._removals: set[asyncio.Task[None]] = set()

    async def nearest(self, want: Want, span: OpenSpan) -> Neighbour:
        """The kept question that is surest to share its answer. Never raises for what is away.

        span: gets the steps.
        """
        text = want.question.text
        if text is None or len(text) > want.policy.max_semantic_chars:
            return Unlike("too long or no text")
        if not self._patience.may_ask(time.monotonic()):
            return Unlike("the search failed repeatedly; tried again soon")
        self._patience = self._patience.asked(time.monotonic())
        placed: list[Placed] = []
        try:
            found = await within(self._budget_s, self._search(want, placed, span))
        except REDIS_UNAVAILABLE as error:
            self._patience = self._patience.failed(time.monotonic())
            return Unlike(f"search: {type(error).__name__}", placed[0] if placed else None)
        self._patience = self._patience.answered()
        return found

    async def place(self, question: Question, age: str, span: OpenSpan) -> Placed:
        """Where a question lies. May raise OSError. span: gets the step."""
        with span.span("embed"):
            made = await self._embedder.embed(question.text or "")
        drawn = draw(made.sentence, made.ids, made.tokens, self._verifier.projection)
        space = self._store.key(
            question.tenant, "v", age.partition(".")[0], question.scope, self._embedder.version
        )
        return Placed(space, made.sentence, drawn)

    async def add(self, placed: Placed, name: str, ttl_s: int) -> None:
        """Makes a kept question findable; if that fails it is just not found."""
        try:
            async with asyncio.timeout(1):
                await self._index.add(placed.space, name, placed.vector, ttl_s)
        except REDIS_UNAVAILABLE:
            return

    async def close(self) -> None:
        """Ends what runs in the background."""
        await asyncio.gather(*self._removals, return_exceptions=True)
        await self._index.close()

    async def _search(self, want: Want, placed: list[Placed], span: OpenSpan) -> Neighbour:
        """`placed` gets what is known even if the time is up before the end."""
        here = await self.place(want.question, want.age, span)
        placed.append(here)
        with span.span("search") as searching:
            near = await self._index.near(here.space, here.vector, CANDIDATES)
            searching.attributes = {CACHE_COSINES: [one.cosine for one in near]}
        names = [one.entry for one in near if one.cosine >= LEAST_COSINE]
        if not names:
            return Unlike("no near question in this scope", here)
        with span.span("read candidates"):
            read_back = await self._candidates(want.question.tenant, names, want.group)
        if isinstance(read_back, Unavailable):
            return Unlike(read_back.reason, here)
        promise, candidates = read_back
        self._forget(here.space, set(names) - {candidate.name for candidate in candidates})
        fresh = [one for one in candidates if want.now_ms < one.entry.fresh_until_ms]
        if promise.off or not fresh:
            return Unlike("switched off: too many wrong hits" if promise.off else "gone", here)
        asked = Text(want.question.text or "", here.sketch)
        target = promise.target(want.policy.target_false_hits)
        with span.span("verify") as verifying:
            found = await asyncio.to_thread(self._choose, asked, here, fresh, target, want.policy)
            verifying.attributes = _verdict(found)
        return found

    async def _candidates(
        self, tenant: str, names: list[str], group: str
    ) -> tuple[Promise, list[_Candidate]] | Unavailable:
        key = self._store.key
        entries = (key(tenant, "e", name) for name in names)
        records = (key(tenant, "observed", name) for name in names)
        first = (key(tenant, "age"), key(tenant, "promise", group))
        values = await self._reads.get(*first, *entries, *records)
        if isinstance(values, Unavailable):
            return values
        age, promise, *rest = values
        found = []
        for name, value, record in zip(names, rest, rest[len(names) :], strict=False):
            entry = glance(age, value).entry
            drawn = sketches.decode(entry.sketch) if entry and entry.sketch else None
            if entry is not None and entry.text is not None and drawn is not None:
                found.append(_Candidate(name, entry, drawn, _text(record)))
        return read_promise(_text(promise)), found

    def _choose(
        self, asked: Text, here: Placed, candidates: list[_Candidate], target: float, policy: Policy
    ) -> Neighbour:
        """The nearest candidate that is good enough. Runs on a thread."""
        bars = self._verifier.point(target), self._verifier.point(target / STRICTER)
        refusals = []
        for one in candidates:
            kept, record = Text(one.entry.text or "", one.sketch), read_record(one.record)
            sure = believed(float(self._verifier.score([(asked, kept)])[0]), record)
            verdict = decide(sure, *bars, differences(read(asked.text), read(kept.text)))
            if isinstance(verdict, Accepted):
                shadow = random.random() < shadow_chance(policy.shadow_share, record)
                return Served(one.name, one.entry, verdict.score, shadow)
            refusals.append(verdict.reason)
        return Unlike(refusals[0], here)

    def _forget(self, space: str, gone: set[str]) -> None:
        if gone:
            task = asyncio.create_task(self._remove(space, gone))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    async def _remove(self, space: str, gone: set[str]) -> None:
        try:
            await self._index.remove(space, gone)
        except REDIS_UNAVAILABLE:
            return  # it is found and missed again, until it is removed


def _verdict(found: Neighbour) -> Attributes:
    match found:
        case Served(score=score):
            return {CACHE_SCORE: score}
        case Unlike(reason=reason):
            return {CACHE_REASON: reason}
        case _:
            assert_never(found)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
