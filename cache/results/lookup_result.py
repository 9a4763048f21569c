"""What can a look into the cache end with?

Found
├── Hit      an answer to serve; `follow_up` asks the worker for one more call in the background
├── Miss     call the provider, then `Lookup.keep` or `Lookup.abandon`
└── Bypass   the cache has no part in this request
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cache.identity.key import Question
from cache.settings import CachePolicy
from cache.storage.entry import CacheEntry
from cache.storage.single_flight import Leader
from cache.verification.quantized_embedding import QuantizedEmbedding, Vector
from producers.contract import CacheOutcome, Usage


@dataclass(frozen=True, slots=True)
class IndexedQuestion:
    """Where a question lies: its space in the index, its vector, and its sketch for others."""

    space: str
    vector: Vector = field(compare=False, repr=False)
    quantized: QuantizedEmbedding = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing to serve. What `keep` needs to make the next asker's request a hit.

    age: of the tenant's entries when they were looked at; None: the answer isn't to be kept.
    group: whose promise the request counts towards.
    placed: where the question lies, for the near ones to come. lead: others wait for the answer.
    """

    outcome: CacheOutcome
    question: Question
    policy: CachePolicy
    now_ms: int
    ttl_s: float
    min_confidence: float | None = None
    tags: tuple[str, ...] = ()
    version: str | None = None
    group: str = ""
    indexed: IndexedQuestion | None = None
    lease: Leader | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """The entry served is stale: call the provider in the background, then `keep(miss, done)`."""

    miss: Miss


@dataclass(frozen=True, slots=True)
class ShadowCheck:
    """A sample to measure the cache's promise: call the provider, then `compare(shadow, done)`.

    neighbour: the entry served; score: how sure the verifier was.
    """

    miss: Miss
    entry_name: str
    entry: CacheEntry = field(repr=False)
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to serve. body: the OpenAI `chat.completion` as it was kept."""

    body: dict[str, Any]
    usage: Usage
    outcome: CacheOutcome
    follow_up: Refresh | ShadowCheck | None = None


@dataclass(frozen=True, slots=True)
class Bypass:
    """The cache leaves this request alone: `outcome.reason`."""

    outcome: CacheOutcome


LookupResult: TypeAlias = Hit | Miss | Bypass
