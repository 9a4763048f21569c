"""Prompt cache policy: which prefix of a prompt to mark for the provider's cache, and for how long.

Writing a prefix costs more than plain input, reading it a tenth. What a mark is worth follows from
how often the prefix comes back. If n requests with it came within the last T seconds, the next
comes within T with probability h = 1 - 2^-n (Poisson arrivals of unknown rate: the Lomax
distribution), and a token costs h·read + (1-h)·write instead of input. Marked is whatever costs
less that way.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from pydantic_core import to_json

from observability.pricing.prices import TokenRates
from producers.contract import ChatBody, ChatMessage

Ttl: TypeAlias = Literal["5m", "1h"]
Anchor: TypeAlias = Literal["tools", "system"] | int
"""The end of a cached prefix: after the tools, the system prompt, or the message of that index."""

_HOUR_MUST_SAVE: Final = Decimal("1.05")
"""Its first write is dearer, and a forecast is only a forecast: it must save a twentieth more."""
TTL_SECONDS: Final[Mapping[Ttl, float]] = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Nothing is marked; `reason` says why, for a person."""

    reason: str = "not considered"


@dataclass(frozen=True, slots=True)
class Breakpoints:
    """Cache everything up to each anchor for `ttl` (Anthropic, Bedrock)."""

    anchors: tuple[Anchor, ...]
    ttl: Ttl = "5m"


@dataclass(frozen=True, slots=True)
class CacheKey:
    """The provider caches by itself; `key` leads same-prefix requests to the same machine."""

    key: str


CachePlan: TypeAlias = Unmarked | Breakpoints | CacheKey


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prompt up to `anchor`."""

    anchor: Anchor
    name: str
    """A hash to count by."""
    tokens: int
    """An estimate."""


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What can be marked of one prompt, and what it counts as a use of."""

    candidates: tuple[Prefix, ...]
    """What can be marked, shortest first."""
    count_under: tuple[str, ...]
    """The names of the prefixes of which this request is a use."""


@dataclass(frozen=True, slots=True)
class PrefixUses:
    """Earlier requests with a prefix: how many came in the last five minutes and the last hour."""

    last_5m: float = 0
    last_1h: float = 0

    def hit_probability(self, ttl: Ttl) -> float:
        """That the next request with this prefix comes within `ttl`; a hit renews it for free."""
        return 1 - math.exp2(-(self.last_5m if ttl == "5m" else self.last_1h))


@dataclass(frozen=True, slots=True)
class CacheDecision:
    """The plan, and what is expected of it."""

    plan: CachePlan
    prefix: str | None = None
    """The name of the longest prefix that is marked."""
    saving_micro_usd: Decimal = Decimal(0)
    """Expected, of one call."""


def minimum_prefix_tokens(model: str) -> int:
    """Tokens below which the provider silently caches nothing (Anthropic's table of models)."""
    return next((tokens for names, tokens in _SMALLEST if names.search(model)), 1024)


_SMALLEST: Final = (
    (re.compile(r"opus-4-[56]|haiku-4-5"), 4096),
    (re.compile(r"opus-4-7|3-5-haiku|haiku-3|3-haiku"), 2048),
    (re.compile(r"opus-5"), 512),
)


def prefixes(body: ChatBody, scope: str, bytes_per_token: float) -> Prefixes:
    """The prefixes of `body` in the order that is cached: tools, system, messages.

    scope: what must not share a cache, such as tenant, account and model. A conversation counts
    under its turns, and its next turn is marked once the turn before was seen.
    """
    chain, size = blake2b(scope.encode(), digest_size=12), 0
    marks: list[Prefix] = []
    turns: list[Prefix] = []
    for anchor, piece in _pieces(body):
        chain.update(piece)
        size += len(piece)
        prefix = Prefix(anchor, chain.hexdigest(), round(size / bytes_per_token))
        if isinstance(anchor, str):
            marks.append(prefix)
        elif body.messages[anchor]["role"] != "assistant":
            turns.append(prefix)
    count_under = [prefix.name for prefix in marks]
    if len(turns) > 1:
        # The mark goes to the end of this turn, where the next turn will read it. How often it is
        # used is known of the turn before alone: nobody has seen this one yet.
        marks.append(Prefix(turns[-1].anchor, turns[-2].name, turns[-1].tokens))
        count_under.append(turns[-1].name)
    return Prefixes(tuple(marks), tuple(count_under))


def _pieces(body: ChatBody) -> Sequence[tuple[Anchor, bytes]]:
    system = [m for m in body.messages if _is_instruction(m)]
    pieces: list[tuple[Anchor, bytes]] = []
    if body.tools:
        pieces.append(("tools", to_json(body.tools)))
    if system:
        pieces.append(("system", to_json(system)))
    pieces += [(n, to_json(m)) for n, m in enumerate(body.messages) if not _is_instruction(m)]
    return pieces


def _is_instruction(message: ChatMessage) -> bool:
    return message["role"] in {"system", "developer"}


def decide_cache_plan(
    prompt: Prefixes, uses: Mapping[str, PrefixUses], rates: TokenRates, smallest: int
) -> CacheDecision:
    """Where to mark and for how long; `smallest`: see `minimum_prefix_tokens`."""
    long_enough = [prefix for prefix in prompt.candidates if prefix.tokens >= smallest]
    if not long_enough:
        return CacheDecision(Unmarked(f"no prefix of {smallest} tokens"))
    best = _marked(long_enough, uses, rates, "5m")
    if rates.cache_write_1h > rates.cache_write_5m:
        hour = _marked(long_enough, uses, rates, "1h")
        best = hour if hour.saving_micro_usd > best.saving_micro_usd * _HOUR_MUST_SAVE else best
    if best.saving_micro_usd <= 0:
        return CacheDecision(Unmarked("comes back too seldom to pay"))
    return best


def _marked(
    marks: Sequence[Prefix], uses: Mapping[str, PrefixUses], rates: TokenRates, ttl: Ttl
) -> CacheDecision:
    """Every prefix whose own part pays, but none that comes back just as often as a longer one."""
    chosen: list[tuple[Prefix, float]] = []
    total, covered = Decimal(0), 0
    for prefix in marks:
        # Prefixes are nested: each is judged by the tokens it adds to the longest that pays so far,
        # since those before are read or written by that one's mark anyway.
        probability = uses.get(prefix.name, PrefixUses()).hit_probability(ttl)
        saving = saving_per_token(rates, probability, ttl) * (prefix.tokens - covered)
        if saving > 0:
            chosen.append((prefix, probability))
            total, covered = total + saving, prefix.tokens
    if not chosen:
        return CacheDecision(Unmarked())
    # A longer prefix that comes back just as often makes the shorter one's mark needless: a hit of
    # the longer reads both. Marks are few (Anthropic takes four).
    needed = [a for (a, p), (_, q) in pairwise(chosen) if p > q] + [chosen[-1][0]]
    return CacheDecision(Breakpoints(tuple(p.anchor for p in needed), ttl), needed[-1].name, total)


def saving_per_token(rates: TokenRates, hit_probability: float, ttl: Ttl) -> Decimal:
    """Micro-dollars saved, expected; negative where marking costs more than it saves."""
    write = rates.cache_write_1h if ttl == "1h" else rates.cache_write_5m
    hit = Decimal(hit_probability)
    return rates.input - (hit * rates.cache_read + (1 - hit) * write)
