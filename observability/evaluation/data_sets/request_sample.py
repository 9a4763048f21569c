"""Request sample: which recorded requests become cases?

Requests of one canonical form are one case, with their number. From each stratum (tenant, task, and
the value of a tag) those forms are taken whose hash is lowest: that is a random choice which
depends on neither the order of the log nor its length, can be repeated, and needs memory for the
sample alone.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from observability.evaluation.data_sets.evaluation_case import (
    EvaluationCase,
    EvaluationConsent,
    replayed_body,
    user_of,
)
from producers.contract import Request

EVALUATION_TAG: Final = "evaluation"
"""The tag of an evaluation's own requests, which aren't sampled again."""
MAX_STRATA: Final = 1_000
"""Further ones share one: a sender can make up tasks."""


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which requests are wanted; what isn't said doesn't matter."""

    tenants: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()
    share: float = 1.0
    """Of the requests' canonical forms, those that are looked at."""
    per_stratum: int = 200
    seed: int = 0
    strata_tag: str | None = None
    """A tag whose values are strata, too."""


@dataclass(frozen=True, slots=True)
class RequestReaders:
    """What the sample asks of higher floors."""

    consent_of: Callable[[str], EvaluationConsent]
    """By tenant."""
    zones_of: Callable[[Request], tuple[str, ...] | None]
    """The zones that the request and its tenant allow; None: any, empty: none."""
    task_of: Callable[[Request], str]
    form_of: Callable[[Request], str]
    """Equal for requests that can't have different answers."""


@dataclass(slots=True)
class SampleCounts:
    """What became of the requests that were read."""

    read: int = 0
    not_wanted: int = 0
    without_consent: int = 0
    repeated: int = 0
    tenants_without_consent: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Held:
    case: EvaluationCase
    count: int = 1


class RequestSample:
    """Takes requests one by one; memory grows with the sample alone."""

    def __init__(self, wanted: SampleFilter, readers: RequestReaders) -> None:
        self.counts = SampleCounts()
        self._wanted = wanted
        self._readers = readers
        self._strata: dict[tuple[str, str, str], _Stratum] = {}

    def add(self, request: Request, recorded_ms: int) -> None:
        """One recorded request."""
        self.counts.read += 1
        consent = self._readers.consent_of(request.tenant)
        task = self._readers.task_of(request)
        if not self._is_wanted(request, task):
            self.counts.not_wanted += 1
        elif consent == "no":
            self._refuse(request)
        else:
            self._sort_in(request, task, consent, recorded_ms)

    def _refuse(self, request: Request) -> None:
        self.counts.without_consent += 1
        if len(self.counts.tenants_without_consent) < MAX_STRATA:
            self.counts.tenants_without_consent.add(request.tenant)

    def _sort_in(
        self, request: Request, task: str, consent: EvaluationConsent, recorded_ms: int
    ) -> None:
        place = self._place(request, task)
        # one prompt in two strata is two cases: what a good answer to it is may differ
        form = "\0".join((str(self._wanted.seed), *place, self._readers.form_of(request)))
        digest = blake2b(form.encode(errors="surrogatepass"), digest_size=16).digest()
        stratum = self._stratum(place)
        if int.from_bytes(digest[:8]) >= self._wanted.share * 2**64:
            self.counts.not_wanted += 1
        elif stratum.repeats(digest):
            self.counts.repeated += 1
        elif stratum.admits(digest):
            case = self._case(request, task, consent, digest, recorded_ms)
            if case is None:
                self._refuse(request)
            else:
                stratum.take(digest, case)

    def cases(self) -> Iterator[EvaluationCase]:
        """The sample, stratum by stratum."""
        for _, stratum in sorted(self._strata.items()):
            yield from stratum.cases()

    def _is_wanted(self, request: Request, task: str) -> bool:
        wanted, tags = self._wanted, request.routing.tags
        return (
            (not wanted.tenants or request.tenant in wanted.tenants)
            and (not wanted.tasks or task in wanted.tasks)
            and request.body.embeddings is None
            and EVALUATION_TAG not in tags
            and all(tags.get(name) == value for name, value in wanted.tags)
        )

    def _place(self, request: Request, task: str) -> tuple[str, str, str]:
        tag = self._wanted.strata_tag
        value = "" if tag is None else request.routing.tags.get(tag, "")
        return request.tenant, task, value

    def _stratum(self, place: tuple[str, str, str]) -> "_Stratum":
        if place not in self._strata and len(self._strata) >= MAX_STRATA:
            place = ("", "", "")
        return self._strata.setdefault(place, _Stratum(self._wanted.per_stratum))

    def _case(
        self,
        request: Request,
        task: str,
        consent: EvaluationConsent,
        digest: bytes,
        recorded_ms: int,
    ) -> EvaluationCase | None:
        """None: no zone may see it."""
        zones = self._readers.zones_of(request)
        if zones is not None and not zones:
            return None
        routing = request.routing
        group = routing.conversation and blake2b(
            f"{request.tenant}\0{routing.conversation}".encode(), digest_size=8
        )
        return EvaluationCase(
            id=digest.hex(),
            tenant=request.tenant,
            body=replayed_body(request.body),
            task=task,
            validators=routing.validators,
            residency=zones or (),
            self_hosted_only=routing.self_hosted_only or consent == "self-hosted only",
            group=group.hexdigest() if group else None,
            user=user_of(request),
            recorded_ms=recorded_ms,
        )


class _Stratum:
    """The forms with the lowest hashes: one that was let go never comes back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._highest_first: list[tuple[int, bytes]] = []
        self._held: dict[bytes, _Held] = {}

    def repeats(self, digest: bytes) -> bool:
        held = self._held.get(digest)
        if held is not None:
            held.count += 1
        return held is not None

    def admits(self, digest: bytes) -> bool:
        full = len(self._held) >= self._most
        return not full or -int.from_bytes(digest) > self._highest_first[0][0]

    def take(self, digest: bytes, case: EvaluationCase) -> None:
        self._held[digest] = _Held(case)
        heapq.heappush(self._highest_first, (-int.from_bytes(digest), digest))
        if len(self._held) > self._most:
            del self._held[heapq.heappop(self._highest_first)[1]]

    def cases(self) -> Iterator[EvaluationCase]:
        for held in sorted(self._held.values(), key=lambda each: each.case.id):
            yield held.case.model_copy(update={"count": held.count})
