"""What can a look into the cache end with?

Found
├── Hit      an answer to serve; `follow_up` asks the worker for one more call in the background
├── Miss     call the provider, then `Lookup.keep` or `Lookup.abandon`
└── Bypass   the cache has no part in this request
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from producers.messages import CacheOutcome, Usage

from .entry import Entry
from .flight import Leads
from .key import Question
from .settings import Policy

Vector: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing to serve. What `keep` needs to make the next asker's request a hit.

    age: of the tenant's entries when they were looked at; None: the answer isn't to be kept.
    vector: the question's embedding, when it was made. lead: others wait for this answer.
    """

    outcome: CacheOutcome
    question: Question
    policy: Policy
    now_ms: int
    ttl_s: float
    tags: tuple[str, ...] = ()
    age: str | None = None
    vector: Vector | None = field(default=None, compare=False)
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
