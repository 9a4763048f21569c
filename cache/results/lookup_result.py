"""What can a look into the cache end with?

Found
├── Hit      an answer to serve; `follow_up` asks the worker for one more call in the background
├── Miss     call the provider, then `Lookup.keep` or `Lookup.abandon`
└── Bypass   the cache has no part in this request
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from producers.messages import CacheOutcome, Usage

from .entry import Entry
from .flight import Leads
from .key import Question
from .settings import Policy
from .sketch import Sketch, Vector


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a question lies: its space in the index, its vector, and its sketch for others."""

    space: str
    vector: Vector = field(compare=False, repr=False)
    sketch: Sketch = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing to serve. What `keep` needs to make the next asker's request a hit.

    age: of the tenant's entries when they were looked at; None: the answer isn't to be kept.
    group: whose promise the request counts towards.
    placed: where the question lies, for the near ones to come. lead: others wait for the answer.
    """

    outcome: CacheOutcome
    question: Question
    policy: Policy
    now_ms: int
    ttl_s: float
    min_confidence: float | None = None
    tags: tuple[str, ...] = ()
    age: str | None = None
    group: str = ""
    placed: Placed | None = None
    lead: Leads | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """The entry served is stale: call the provider in the background, then `keep(miss, done)`."""

    miss: Miss


@dataclass(frozen=True, slots=True)
class Shadow:
    """A sample to measure the cache's promise: call the provider, then `compare(shadow, done)`.

    neighbour: the entry served; score: how sure the verifier was.
    """

    miss: Miss
    neighbour: str
    served: Entry = field(repr=False)
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to serve. body: the OpenAI `chat.completion` as it was kept."""

    body: dict[str, Any]
    usage: Usage
    outcome: CacheOutcome
    follow_up: Refresh | Shadow | None = None


@dataclass(frozen=True, slots=True)
class Bypass:
    """The cache leaves this request alone: `outcome.reason`."""

    outcome: CacheOutcome


Found: TypeAlias = Hit | Miss | Bypass
