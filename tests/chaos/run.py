"""How does a chaos run go: load, a fault, patience until all is well, the next fault?"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dev.processes import Child
from dev.simulator.ledger import account
from tests.chaos.faults import Fault
from tests.chaos.hostile import HostileSender
from tests.chaos.installation import USUAL_FAULTS, Installation, installation
from tests.chaos.ledger import Injected, Line, Request, gather
from tests.chaos.memory import Memory
from tests.waiting import blocking_until

_LATE_S: Final = 10.0
"""All is well again when no request waits for longer."""
_SETTLE_S: Final = 4.0
_PATIENCE_S: Final = 90.0
_LONGEST_WAIT_S: Final = 180.0
_HTTP_SHARE: Final = 0.2
"""Calls at the gateways beside each request on Kafka."""
_CONDUCT: Final = {"latency_ms": 400, "first_token_ms": 200, "tokens_per_s": 60, "jitter": 0.5}


@dataclass(frozen=True, slots=True)
class Plan:
    """rate: requests per second; requests: at least so many are sent, unless minutes are over.

    minutes: after so many no fault begins and nothing more is sent, done or not.
    """

    faults: Sequence[Fault]
    requests: int
    rate: float
    minutes: float = 60.0
    seed: int = 0
    """Of the faults' order and of what the hostile sender writes."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a run leaves for the verdict."""

    plan: Plan
    seconds: float
    requests: Sequence[Request]
    faults: Sequence[Injected]
    poisoned: Sequence[Line]
    memory: Memory
    accounts: int
    """Usage events of different requests and runs on their topic."""
    not_booked: int
    """Those of them that the ledger lacks."""


@dataclass(slots=True)
class Told:
    """The lines that a process appends to a file, as they come."""

    file: Path
    lines: list[Line] = field(default_factory=list)
    _read: int = 0

    def fresh(self) -> list[Line]:
        """What came since the last time."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as opened:
            opened.seek(self._read)
            text = opened.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        fresh: list[Line] = [json.loads(line) for line in whole.splitlines()]
        self.lines += fresh
        return fresh


class Waiting:
    """The requests that Kafka has and nobody has answered yet."""

    def __init__(self, sent: Told, seen: Told) -> None:
        self.sent, self.seen = sent, seen
        self._since: dict[str, float] = {}
        self._ended: set[str] = set()

    def look(self) -> dict[str, float]:
        """Since when each one waits."""
        fresh = self.seen.fresh()
        self._ended |= {line["id"] for line in fresh if "billed" not in line}
        for line in self.sent.fresh():
            if "acked" in line:
                self._since[line["id"]] = line["acked"]
        for identifier in self._since.keys() & self._ended:
            del self._since[identifier]
        return self._since

    def until(self, longest_s: float, most_waiting_s: float) -> bool:
        """Returns when none waits for longer than `most_waiting_s`; False: not in `longest_s`."""

        def none_waits() -> bool:
            late = time.time() - most_waiting_s
            return not any(since < late for since in self.look().values())

        try:
            return blocking_until(none_waits, within_s=longest_s, pause_s=0.2)
        except TimeoutError:
            return False


def carry_out(plan: Plan, folder: Path) -> Evidence:
    """Runs it in `folder`, which keeps every process's log."""
    begun = time.time()
    with ExitStack() as stack:
        at = installation(folder)
        stack.callback(at.stop)
        at.start()
        at.providers.control(**_CONDUCT, faults=USUAL_FAULTS)
        hostile = HostileSender(at, plan.seed)
        observer = _child(at, "observer", [at.kafka.address])
        traffic = _child(at, "traffic", [at.kafka.address, str(plan.rate)])
        over_http = [",".join(at.gateways), str(plan.rate * _HTTP_SHARE)]
        callers = _child(at, "callers", over_http)
        for child in (observer, traffic, callers):
            stack.callback(child.kill)
        observer.start()
        waiting = Waiting(Told(folder / "traffic.jsonl"), Told(folder / "observer.jsonl"))
        called = Told(folder / "callers.jsonl")
        memory = Memory()
        stack.enter_context(memory.watching([*at.processes(), traffic, observer, callers]))
        traffic.start()
        callers.start()
        hostile.start()
        stack.callback(hostile.stop)
        until = time.time() + plan.minutes * 60
        faults = list(_attack(plan, at, waiting, until))
        _go_on(plan, waiting, until)
        callers.stop(grace_s=_LONGEST_WAIT_S)
        traffic.stop(grace_s=_LONGEST_WAIT_S)
        waiting.until(_LONGEST_WAIT_S, 0.0)
        _say(f"{len(waiting.look())} unanswered")
        calls = at.providers.calls()
        (folder / "calls.jsonl").write_text("".join(f"{json.dumps(call)}\n" for call in calls))
        accounts, not_booked = _booked(at, waiting)
    sent = [*waiting.sent.lines, *called.fresh()]
    requests = gather(sent, waiting.seen.lines, calls)
    poisoned = [line for line in waiting.seen.lines if "dead" in line]
    _say(f"{hostile.sent} hostile records")
    # what the hostile sender wrote may bear any id, and has no promise
    asked = [request for request in requests.values() if request.sent is not None]
    return Evidence(
        plan, time.time() - begun, asked, faults, poisoned, memory, accounts, not_booked
    )


def _attack(plan: Plan, at: Installation, waiting: Waiting, until: float) -> Iterator[Injected]:
    _settle(waiting)
    for number, fault in enumerate(plan.faults, start=1):
        began = time.time()
        if began > until:
            return
        fault.inject(at)
        ended = time.time()
        well = waiting.until(_PATIENCE_S, _LATE_S)
        key = None if fault.victim is None else account(fault.victim)
        _say(
            f"{number:3} {fault.name}: {time.time() - began:.1f} s"
            f"{'' if well else ', STILL NOT WELL'}; {len(waiting.sent.lines)} sent"
        )
        yield Injected(fault.name, began, ended, fault.victim, key, well, over=time.time())
        _settle(waiting)


def _settle(waiting: Waiting) -> None:
    time.sleep(_SETTLE_S)
    waiting.until(_PATIENCE_S, _LATE_S)


def _go_on(plan: Plan, waiting: Waiting, until: float) -> None:
    def enough_sent() -> bool:
        waiting.look()
        return len(waiting.sent.lines) >= plan.requests

    with suppress(TimeoutError):  # the time is over
        blocking_until(enough_sent, within_s=until - time.time(), pause_s=1)


def _booked(at: Installation, waiting: Waiting) -> tuple[int, int]:
    """(accounts that were seen, those of them that the ledger lacks after all was booked)."""
    waiting.look()
    seen = {tuple(line["event"]) for line in waiting.seen.lines if "billed" in line}
    return len(seen), len(seen - at.book_the_rest())


def _child(at: Installation, name: str, arguments: Sequence[str]) -> Child:
    command = [sys.executable, "-m", f"tests.chaos.{name}", *arguments]
    return Child(
        name,
        [*command, str(at.folder / f"{name}.jsonl")],
        at.folder / f"{name}.log",
        {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201 a long run shows its progress


def as_json(value: Any) -> str:  # noqa: ANN401 whatever the report holds
    """The report's text."""
    return json.dumps(value, indent=2) + "\n"
