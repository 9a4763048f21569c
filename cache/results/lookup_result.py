"""Results of a cache look-up: Hit, Miss or Bypass, and the call that a hit may ask for.

LookupResult
├── Hit      an answer to serve; `follow_up` asks the worker for one more call in the background
├── Miss     call the provider, then `CacheLookup.store_answer` or `CacheLookup.abandon`
└── Bypass   the cache has no part in this request
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cache.identity.terms import LookupTerms
from cache.promise.group_bounds import PromiseCell
from cache.storage.entry import CacheEntry
from cache.storage.single_flight import Leader
from cache.verification.quantized_embedding import QuantizedEmbedding, Vector
from producers.contract import CacheOutcome, Usage

AnswerCheck: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[str | None]]
"""What the caller demands of an answer, a `chat.completion`, beyond the parameters in the key.

Why it is none to this request, in words that follow "the kept answer"; None if it is one.
"""


@dataclass(frozen=True, slots=True)
class IndexedQuestion:
    """A question's place in the vector index."""

    space: str
    """The Redis key of the index: tenant, epoch, scope and embedder version."""
    vector: Vector = field(compare=False, repr=False)
    """Of unit length."""
    quantized: QuantizedEmbedding = field(compare=False, repr=False)
    """What is stored with the answer, so that the verifier can compare later questions."""


@dataclass(frozen=True, slots=True)
class HitSample:
    """A hit, or what a closed step would have served, to be compared with a fresh answer."""

    cell: PromiseCell
    entry_name: str
    entry: CacheEntry = field(repr=False)
    score: float
    """How sure the step was that both ask the same, 0..1."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing to serve; and what `store_answer` needs to make the next caller's request a hit."""

    outcome: CacheOutcome
    terms: LookupTerms
    version: str | None = None
    """The tenant's `epoch.generation` at the look-up; None: the answer isn't to be stored."""
    indexed: IndexedQuestion | None = None
    leader: Leader | None = None
    """This caller's lease, when others wait for its answer."""
    trial: HitSample | None = None
    """What a closed step would have served: the new answer tells whether it would be right."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """The entry served is stale: call the provider in the background and store the answer."""

    miss: Miss


@dataclass(frozen=True, slots=True)
class ShadowCheck:
    """A sampled hit: call the provider in the background and compare its answer with the entry."""

    miss: Miss
    sample: HitSample


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to serve."""

    body: dict[str, Any]
    """The OpenAI `chat.completion` as it was stored."""
    usage: Usage
    outcome: CacheOutcome
    follow_up: Refresh | ShadowCheck | None = None


@dataclass(frozen=True, slots=True)
class Bypass:
    """The cache leaves this request alone: `outcome.reason`."""

    outcome: CacheOutcome


LookupResult: TypeAlias = Hit | Miss | Bypass
