"""Was anything lost, answered twice, paid twice or not booked, and how long did each fault last?

Pure: from what the client noted, what the observer saw, and what the provider was called for.
Times: Unix seconds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Line = Mapping[str, Any]
_LONGEST_CALL_S: Final = 30.0
_LATE_S: Final = 60.0
_OK: Final = 200
FLUSH: Final = "flush Redis"
PARTITIONS: Final = "partitions are added"
_SEEN_BY_ALL_S: Final = 35.0
"""Within this time every producer has seen an added partition."""
_AWAY: Final = ("Redis", "Kafka", "broker", "freeze")
BROKEN_RUN: Final = ":broke-"
"""In the id of the account of a run that broke its worker."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault as it happened. began: before it was done; ended: its cause was over.

    account: of the victim, as the provider's ledger names it; well: whether all was well again
    before patience ran out; over: when it was, or patience ran out, if that is later than `ended`.
    """

    name: str
    began: float
    ended: float
    victim: str | None = None
    account: str | None = None
    well: bool = True
    over: float = 0.0


@dataclass(slots=True)
class Request:
    """Everything known of one request."""

    id: str
    sent: float | None = None
    acked: float | None = None
    awaited: str | None = None
    error: str | None = None
    talk: str | None = None
    caller: bool = False
    """It came over HTTP, from somebody who asks again until there is an answer."""
    told: str | None = None
    """Of the text that such a caller got."""
    told_code: str | None = None
    """Of the error that it was left with."""
    tenant: str | None = None
    right: str | None = None
    """Of the text that answers this question, and no other tenant's."""
    accounts: list[Line] = field(default_factory=list)
    """Its usage events."""
    replies: list[Line] = field(default_factory=list)
    dead: list[Line] = field(default_factory=list)
    calls: list[Line] = field(default_factory=list)

    @property
    def answered_at(self) -> float | None:
        """When its first final reply was written."""
        return min((reply["written"] for reply in self.replies), default=None)

    @property
    def ended_at(self) -> float | None:
        """When it had its answer, or was put aside."""
        return min((line["written"] for line in (*self.replies, *self.dead)), default=None)

    @property
    def unbooked_calls(self) -> int:
        """Provider calls that no usage event of its tenant bills."""
        booked: int = sum(line["billed"] for line in self.booked)
        return max(0, len(self.calls) - booked)

    @property
    def booked(self) -> list[Line]:
        """Its accounts in the ledger, where one that is published again isn't booked again."""
        own = [line for line in self.accounts if line["tenant"] == self.tenant]
        return list({tuple(line["event"]): line for line in reversed(own)}.values())

    @property
    def extra_calls(self) -> int:
        """Provider calls that its reply doesn't account for: paid in vain."""
        if not self.replies:
            return 0
        # of one run there may be several replies; a run after a failure has a trace of its own
        runs = {reply.get("trace"): reply["calls"] for reply in self.replies}
        accounted: int = sum(runs.values())
        if self.dead:  # the reply that tells of a dead letter knows of no calls; the account does
            accounted = max(accounted, sum(line["billed"] for line in self.booked))
        return max(0, len(self.calls) - accounted)


def gather(sent: Iterable[Line], seen: Iterable[Line], calls: Iterable[Line]) -> dict[str, Request]:
    """All requests by id, whoever told of them."""
    requests: dict[str, Request] = {}

    def of(identifier: str) -> Request:
        return requests.setdefault(identifier, Request(identifier))

    for line in sent:
        request = of(line["id"])
        request.sent, request.acked = line["sent"], line.get("acked")
        request.awaited, request.error = line.get("awaited"), line.get("error")
        request.talk, request.told = line.get("talk"), line.get("told")
        request.caller, request.told_code = line.get("caller", False), line.get("code")
        request.tenant, request.right = line.get("tenant"), line.get("right")
    for line in seen:
        request = of(line["id"])
        if "billed" in line:
            request.accounts.append(line)
        else:
            (request.dead if "dead" in line else request.replies).append(line)
    for line in calls:
        if line["request_id"]:
            of(line["request_id"]).calls.append(line)
    return requests


def lost(requests: Iterable[Request]) -> list[str]:
    """Acknowledged by Kafka, and neither answered nor dead-lettered."""
    return [r.id for r in requests if r.acked and not r.replies and not r.dead]


def contradicted(requests: Iterable[Request], faults: Sequence[Injected] = ()) -> list[str]:
    """Answered more than once, with different bodies, though Redis had the record of the first.

    Callers over HTTP ask again when they have waited: only the record tells that it is the same.
    """
    return [r.id for r in _told_apart(requests) if not _lost_its_record(r, faults)]


def without_record(requests: Iterable[Request], faults: Sequence[Injected]) -> list[str]:
    """As `contradicted`, where Redis was emptied between the answers, or a caller asked again."""
    return [r.id for r in _told_apart(requests) if _lost_its_record(r, faults)]


def _told_apart(requests: Iterable[Request]) -> list[Request]:
    return [r for r in requests if len({reply["answer"] for reply in _final(r)}) > 1]


def _lost_its_record(request: Request, faults: Sequence[Injected]) -> bool:
    return _under_way(request, faults, ("Redis",) if request.caller else (FLUSH,))


def _under_way(request: Request, faults: Sequence[Injected], names: Sequence[str]) -> bool:
    """Whether one of the faults with such a name came before its last reply."""
    last = max(reply["written"] for reply in request.replies)
    named = (fault for fault in faults if any(name in fault.name for name in names))
    sent = request.sent or 0
    return any(sent < max(fault.ended, fault.over) and fault.began < last for fault in named)


def _final(request: Request) -> list[Line]:
    """Its replies, without failures after which its caller has asked again.

    Nor the one that tells of a dead letter: an answer may follow it, as after a replay.
    """
    answers = [reply for reply in request.replies if "code" not in reply]
    if request.caller and answers:
        return answers
    letters = {line["dead"] for line in request.dead}
    rest = [reply for reply in request.replies if reply.get("code", "") not in letters]
    return rest if answers else request.replies


def unanswered(requests: Iterable[Request]) -> list[str]:
    """Asked for over HTTP until patience was over, without an ending, and not put aside."""
    left = (r for r in requests if r.caller and r.told is None and (r.replies or not r.dead))
    return [r.id for r in left if not _knows_its_failure(r)]


def told_their_failure(requests: Iterable[Request]) -> int:
    """How many were told over HTTP the failure with which the flow ended them."""
    return sum(r.caller and r.told is None and _knows_its_failure(r) for r in requests)


def _knows_its_failure(request: Request) -> bool:
    codes = {reply.get("code") for reply in request.replies}
    return request.told_code is not None and request.told_code in codes


def answered_late_again(requests: Iterable[Request]) -> int:
    """How many that nobody sent twice were answered again a minute later, or after that.

    What is delivered again is of the last seconds: many of these mean that a partition was read
    from an old offset.
    """
    written = [[reply["written"] for reply in r.replies] for r in requests if not r.caller]
    return sum(max(times) - min(times) > _LATE_S for times in written if times)


def told_otherwise(requests: Iterable[Request]) -> list[str]:
    """Answered over HTTP with another text than the flow's reply has."""
    return [
        r.id
        for r in requests
        if r.told and r.told not in {reply.get("text") for reply in r.replies}
    ]


def of_others(requests: Iterable[Request]) -> list[str]:
    """Answered in another tenant's name, or with a text that answers another question."""
    return [r.id for r in requests if any(_is_anothers(r, reply) for reply in r.replies)]


def _is_anothers(request: Request, reply: Line) -> bool:
    if reply.get("tenant", request.tenant) != request.tenant:
        return True
    return "code" not in reply and None is not request.right != reply.get("text")


def unaccounted(requests: Iterable[Request]) -> list[str]:
    """Answered, without a usage event of its tenant that says so."""
    return [
        r.id
        for r in requests
        if any("code" not in reply for reply in r.replies)
        and not any(line["done"] and line["tenant"] == r.tenant for line in r.accounts)
    ]


def unbooked(requests: Sequence[Request], faults: Sequence[Injected]) -> tuple[int, list[str]]:
    """Calls that no usage event bills: those that died with a victim; the requests of the rest."""
    lacking = [r for r in requests if r.unbooked_calls]
    died = [r for r in lacking if any(_held(r, fault) for fault in faults)]
    rest = [r.id for r in lacking if r not in died]
    return sum(r.unbooked_calls for r in died), rest


def underbooked(requests: Iterable[Request]) -> list[str]:
    """All calls are in the account, with fewer tokens than the provider has counted.

    Of a call that was given up the provider counts what it went on to write.
    """
    return [r.id for r in requests if not r.unbooked_calls and _lacks_tokens(r)]


def _lacks_tokens(request: Request) -> bool:
    outputs = [line["output"] for line in request.booked]
    return None not in outputs and _written(request) > sum(outputs)


def _written(request: Request) -> int:
    whole = (c for c in request.calls if c.get("status") == _OK and c.get("fault") is None)
    return sum(call.get("output_tokens", 0) for call in whole)


def torn(requests: Iterable[Request], faults: Sequence[Injected] = ()) -> list[str]:
    """Streamed in pieces that don't make up the answer.

    When Redis is emptied nobody knows that another worker is at it: both stream.
    """
    pieces = (r for r in requests if r.replies and r.replies[0].get("whole") is False)
    return [r.id for r in pieces if not _under_way(r, faults, (FLUSH,))]


def disordered(requests: Iterable[Request], faults: Sequence[Injected] = ()) -> list[str]:
    """Conversations whose turns weren't answered in the order they were sent.

    When partitions are added a conversation may change its own once (docs/scaling.md): its turns
    before and behind that lie in two.
    """
    talks: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.talk and request.acked and request.replies:
            talks[request.talk].append(request)
    added = [fault for fault in faults if fault.name == PARTITIONS]
    return [talk for talk, turns in talks.items() if not _in_order(turns, added)]


def _in_order(turns: list[Request], added: Sequence[Injected]) -> bool:
    """Of two turns that are written at once, nobody says which is the first."""
    return not any(
        (first.acked or 0) <= (second.sent or 0)
        and (first.ended_at or 0) > (second.ended_at or 0)
        and not any(_changes_partition(first, second, fault) for fault in added)
        for first in turns
        for second in turns
    )


def _changes_partition(first: Request, second: Request, fault: Injected) -> bool:
    """Whether a producer may have seen the added partition between two turns."""
    until = fault.ended + _SEEN_BY_ALL_S
    return (first.sent or 0) < until and fault.began < (second.sent or 0)


def endings(requests: Iterable[Request]) -> Counter[str]:
    """How many ended how: `done`, `done (cache)`, or a failure's code."""
    return Counter(_ending(r.replies[0]) for r in requests if r.replies)


def _ending(reply: Line) -> str:
    return reply.get("code") or ("done (cache)" if reply.get("cache") == "hit" else "done")


# ---------------------------------------------------------------------------------- paid in vain


def in_flight(requests: Iterable[Request], fault: Injected) -> list[str]:
    """A request for each provider call that the victim may have had when the fault struck."""
    return [r.id for r in requests for _ in _held(r, fault)]


def paid_in_vain(
    requests: Sequence[Request], faults: Sequence[Injected]
) -> tuple[dict[int, int], list[str]]:
    """Extra calls by the number of the fault that explains them; the requests left unexplained.

    Those that were booked while Redis, Kafka or a worker was away are `paid_twice`.
    """
    explained: Counter[int] = Counter()
    unexplained = []
    for request in requests:
        if request.extra_calls and not _paid_twice(request, faults):
            held = [n for n, fault in enumerate(faults) if _held(request, fault)]
            if held:
                explained[held[-1]] += request.extra_calls
            else:
                unexplained.append(request.id)
    return dict(explained), unexplained


def paid_twice(requests: Iterable[Request], faults: Sequence[Injected]) -> list[str]:
    """Called and booked again: its guard, its record's commit, or its worker was away."""
    return [r.id for r in requests if r.extra_calls and _paid_twice(r, faults)]


def _paid_twice(request: Request, faults: Sequence[Injected]) -> bool:
    if request.unbooked_calls or any(_held(request, fault) for fault in faults):
        return False
    return _under_way(request, faults, _AWAY)


def _held(request: Request, fault: Injected) -> list[Line]:
    """Its calls that the victim may have had; an earlier one may have been given up for another."""
    answered_at = request.answered_at
    if answered_at is not None and answered_at <= fault.began:
        return []
    earliest = fault.began - _LONGEST_CALL_S
    return [
        call
        for call in request.calls
        if fault.account == call["account"] and earliest < call["at"] < fault.ended
    ]


# --------------------------------------------------------------------------------------- recovery


def recovery_s(answers: Sequence[float], rate: float, began: float, until: float) -> float:
    """Seconds from the fault until answers came at half of `rate` or more, and kept coming.

    answers: times of first answers, in order. Looks at whole seconds up to `until`; 0 = the flow
    was never below.
    """
    slow = [second for second, count in _per_second(answers, began, until) if count < rate / 2]
    return max(slow, default=-1.0) + 1.0


def _per_second(
    answers: Sequence[float], began: float, until: float
) -> Iterator[tuple[float, int]]:
    counted = Counter(int(at - began) for at in answers if began <= at < until)
    return ((float(second), counted[second]) for second in range(int(until - began)))
