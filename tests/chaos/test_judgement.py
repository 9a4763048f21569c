"""Would the chaos run notice? Each promise, broken on purpose in the evidence."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cache.identity.normalisation import canonical
from tests.chaos import ledger
from tests.chaos.callers import answer_digest
from tests.chaos.faults import brief, sequence
from tests.chaos.ledger import Injected
from tests.chaos.memory import slope
from tests.chaos.stepped_clock import set_step
from tests.chaos.traffic import SPELLS_ITS_OWN_WAY, request_of

Line = dict[str, Any]


def sent(identifier: str, at: float = 100.0, **more: Any) -> Line:  # noqa: ANN401
    return {"id": identifier, "sent": at, "acked": at + 0.1, **more}


def reply(identifier: str, at: float = 101.0, answer: str = "a", **more: Any) -> Line:  # noqa: ANN401
    return {"id": identifier, "written": at, "answer": answer, "calls": 1, **more}


def call(identifier: str, at: float = 100.5, account: str = "w1") -> Line:
    return {"request_id": identifier, "at": at, "account": account}


def account(identifier: str, calls: int = 1, tenant: str = "t", run: str = "") -> Line:
    event = [tenant, identifier + run, "request"]
    done = {"done": True, "output": 10 * calls}
    return {"id": identifier, "billed": calls, "tenant": tenant, "event": event, **done}


def gather(*lines: Line) -> list[ledger.Request]:
    told = [line for line in lines if "sent" in line]
    seen = [line for line in lines if {"written", "dead", "billed"} & line.keys()]
    calls = [line for line in lines if "request_id" in line]
    return list(ledger.gather(told, seen, calls).values())


def test_a_caller_over_http_without_an_answer_or_with_another_text() -> None:
    requests = gather(
        sent("told", caller=True, told="t"),
        reply("told", answer="failed", code="overloaded", trace="1"),
        reply("told", answer="a", text="t", trace="2"),
        call("told"),
        call("told"),
        sent("otherwise", caller=True, told="t"),
        reply("otherwise", text="u"),
        {"id": "never", "sent": 1.0, "caller": True, "error": "APITimeoutError"},
        sent("twice", caller=True, told="t"),
        reply("twice", answer="a", text="t", trace="1"),
        reply("twice", answer="b", text="t", trace="1"),
        call("twice"),
        call("twice"),
    )
    assert ledger.unanswered(requests) == ["never"]
    put_aside = gather(
        {"id": "put aside", "sent": 1.0, "caller": True, "error": "APIError"},
        {"id": "put aside", "written": 2.0, "dead": "internal_error"},
    )
    assert ledger.unanswered(put_aside) == []
    failed = gather(
        {"id": "told", "sent": 1.0, "caller": True, "error": "e", "code": "answer_too_large"},
        reply("told", answer="answer_too_large", code="answer_too_large"),
        {"id": "of another", "sent": 1.0, "caller": True, "error": "e", "code": "internal_error"},
        reply("of another", answer="answer_too_large", code="answer_too_large"),
        {"id": "no code", "sent": 1.0, "caller": True, "error": "e", "code": None},
        reply("no code", text="t"),
    )
    late = gather(
        sent("late"),
        *(reply("late", at=100.0), reply("late", at=161.0)),
        sent("soon"),
        *(reply("soon", at=100.0), reply("soon", at=159.0)),
    )
    assert ledger.answered_late_again(late) == 1
    assert ledger.unanswered(failed) == ["of another", "no code"]
    assert ledger.told_their_failure(failed) == 1
    assert ledger.told_otherwise(requests) == ["otherwise"]
    assert ledger.contradicted(requests) == ["twice"]
    flush = Injected("flush Redis", 100.4, 100.6)
    assert ledger.contradicted(requests, [flush]) == []
    assert ledger.contradicted(requests, [Injected("kill -9 broker", 100.4, 100.6)]) == ["twice"]
    assert [r.id for r in requests if r.extra_calls] == ["twice"]


def test_acknowledged_and_neither_answered_nor_buried_is_lost() -> None:
    requests = gather(
        sent("lost"),
        sent("answered"),
        reply("answered"),
        sent("buried"),
        {"id": "buried", "written": 101.0, "dead": "invalid_request"},
        {"id": "refused", "sent": 1.0, "error": "PublishFailedError"},
    )
    assert ledger.lost(requests) == ["lost"]


def test_two_equal_replies_are_a_duplicate_and_two_different_ones_a_contradiction() -> None:
    requests = gather(
        sent("twice"),
        reply("twice"),
        reply("twice"),
        sent("both"),
        reply("both", answer="a"),
        reply("both", answer="b"),
    )
    assert ledger.contradicted(requests) == ["both"]
    assert ledger.contradicted(requests, [Injected("stop Redis", 100.4, 100.6)]) == ["both"]
    flush = Injected(ledger.FLUSH, 100.4, 100.6)
    assert ledger.contradicted(requests, [flush]) == []
    assert ledger.without_record(requests, [flush]) == ["both"]


def test_an_answer_may_follow_the_failure_that_tells_of_a_dead_letter() -> None:
    requests = gather(
        sent("buried"),
        {"id": "buried", "dead": "internal_error"},
        reply("buried", answer="internal_error", code="internal_error"),
        reply("buried", at=102.0, answer="a"),
        sent("in doubt"),
        {"id": "in doubt", "dead": "internal_error"},
        reply("in doubt", answer="internal_error", code="internal_error"),
        reply("in doubt", at=102.0, answer="a"),
        reply("in doubt", at=103.0, answer="b"),
        sent("kept"),
        reply("kept", answer="internal_error", code="internal_error"),
        reply("kept", at=102.0, answer="a"),
    )
    assert ledger.contradicted(requests) == ["in doubt", "kept"]


def test_pieces_that_make_no_answer_are_a_torn_stream() -> None:
    requests = gather(reply("a", whole=False), reply("b", whole=True))
    assert ledger.torn(requests) == ["a"]
    assert ledger.torn(requests, [Injected(ledger.FLUSH, 100.4, 100.6)]) == []


def test_a_turn_answered_before_the_one_before_it_is_out_of_order() -> None:
    requests = gather(
        sent("1", 100, talk="good"),
        reply("1", 102),
        sent("2", 101, talk="good"),
        reply("2", 103),
        sent("3", 100, talk="bad"),
        reply("3", 105),
        sent("4", 101, talk="bad"),
        reply("4", 103),
    )
    assert ledger.disordered(requests) == ["bad"]
    between = Injected(ledger.PARTITIONS, 100.4, 100.5)
    assert ledger.disordered(requests, [between]) == []
    later, long_before = (Injected(ledger.PARTITIONS, at, at) for at in (101.5, 60.0))
    assert ledger.disordered(requests, [later, long_before]) == ["bad"]
    in_turn = gather(
        sent("1", 100, talk="at once") | {"acked": 101.5},
        reply("1", 105),
        sent("2", 101, talk="at once"),
        reply("2", 103),
        sent("3", 100, talk="put aside"),
        {"id": "3", "written": 102, "dead": "internal_error"},
        reply("3", 105),
        sent("4", 101, talk="put aside"),
        reply("4", 103),
    )
    assert ledger.disordered(in_turn) == []


def test_an_answer_that_belongs_to_somebody_else_is_seen() -> None:
    requests = gather(
        sent("own", tenant="t", right="a"),
        reply("own", tenant="t", text="a"),
        sent("another's name", tenant="t", right="a"),
        reply("another's name", tenant="u", text="a"),
        sent("another's words", tenant="t", right="a"),
        reply("another's words", tenant="t", text="b"),
        sent("failed", tenant="t", right="a"),
        reply("failed", tenant="t", code="timeout"),
    )
    assert ledger.of_others(requests) == ["another's name", "another's words"]


def test_the_spellings_of_two_tenants_have_different_answers() -> None:
    first, second = request_of(3), request_of(13)
    assert {first.tenant, second.tenant} == {"shopper-0", SPELLS_ITS_OWN_WAY}
    texts = [str(request.body.messages[0]["content"]) for request in (first, second)]
    assert canonical(texts[0]) == canonical(texts[1])
    assert answer_digest(texts[0], None) != answer_digest(texts[1], None)


def test_a_call_that_no_account_has_is_unbooked() -> None:
    requests = gather(
        sent("booked", tenant="t"),
        *(call("booked"), call("booked"), reply("booked", calls=2), account("booked", 2)),
        sent("told twice", tenant="t"),
        *(call("told twice"), call("told twice"), reply("told twice", at=102.0)),
        *(account("told twice"), account("told twice")),
        sent("two runs", tenant="t"),
        *(call("two runs"), call("two runs"), reply("two runs")),
        *(account("two runs"), account("two runs", run=":run-1")),
        sent("another pays", tenant="t"),
        *(
            call("another pays"),
            reply("another pays", at=102.0),
            account("another pays", tenant="u"),
        ),
    )
    assert ledger.unbooked(requests, []) == (0, ["told twice", "another pays"])
    broken = gather(
        sent("broken", tenant="t"),
        *(call("broken"), account("broken", run=ledger.BROKEN_RUN + "1")),
        *(reply("broken", calls=0, code="internal_error"), {"id": "broken", "dead": "x"}),
    )
    assert (broken[0].unbooked_calls, broken[0].extra_calls) == (0, 0)
    assert ledger.unaccounted(requests) == ["another pays"]
    assert ledger.unbooked(requests, [KILL]) == (2, [])


def test_an_account_with_fewer_tokens_than_were_written_is_seen() -> None:
    def whole(identifier: str, tokens: int) -> Line:
        return call(identifier) | {"status": 200, "fault": None, "output_tokens": tokens}

    requests = gather(
        sent("all", tenant="t"),
        *(whole("all", 10), reply("all"), account("all")),
        sent("fewer", tenant="t"),
        *(whole("fewer", 11), reply("fewer"), account("fewer")),
    )
    assert ledger.underbooked(requests) == ["fewer"]


KILL = Injected("kill", began=101.0, ended=102.0, victim="economy-1", account="w1")


def test_a_call_that_died_with_its_worker_is_explained_by_the_kill() -> None:
    requests = gather(sent("r"), call("r", 100.5, "w1"), call("r", 110.0, "w2"), reply("r", 111.0))
    assert ledger.in_flight(requests, KILL) == ["r"]
    assert ledger.paid_in_vain(requests, [KILL]) == ({0: 1}, [])


def test_a_call_given_up_for_another_died_with_its_worker_too() -> None:
    calls = (call("r", 99.5, "w1"), call("r", 100.5, "w1"), call("r", 110.0, "w2"))
    requests = gather(sent("r"), *calls, reply("r", 111.0))
    assert ledger.in_flight(requests, KILL) == ["r", "r"]
    assert ledger.paid_in_vain(requests, [KILL]) == ({0: 2}, [])


@pytest.mark.parametrize(
    "lines",
    [
        (call("r", 100.5, "other"), call("r", 110.0, "w2"), reply("r", 111.0)),
        (call("r", 100.1, "w1"), call("r", 100.6, "w2"), reply("r", 100.9)),
        (call("r", 103.0, "w1"), call("r", 110.0, "w2"), reply("r", 111.0)),
    ],
    ids=["another worker's call", "answered before the kill", "called after it"],
)
def test_a_second_call_without_such_a_kill_is_unexplained(lines: tuple[Line, ...]) -> None:
    assert ledger.paid_in_vain(gather(sent("r"), *lines), [KILL]) == ({}, ["r"])


def test_a_call_that_is_booked_twice_while_redis_was_away_is_no_call_in_vain() -> None:
    twice = (sent("r", tenant="t"), call("r"), call("r"), reply("r"), account("r"))
    booked = gather(*twice, account("r", run=ledger.BROKEN_RUN + "1"))
    away = Injected("stop Redis for 10 s", 100.4, 100.6)
    assert ledger.paid_in_vain(booked, [away]) == ({}, [])
    assert ledger.paid_twice(booked, [away]) == ["r"]
    assert ledger.paid_in_vain(booked, []) == ({}, ["r"])
    before = Injected("stop Kafka for 20 s", 90.0, 95.0)
    assert ledger.paid_in_vain(booked, [before]) == ({}, ["r"])
    assert ledger.paid_in_vain(booked, [replace(before, over=100.5)]) == ({}, [])
    assert ledger.paid_in_vain(gather(*twice), [away]) == ({}, ["r"])


def test_calls_that_the_reply_accounts_for_are_not_in_vain() -> None:
    requests = gather(sent("r"), call("r"), call("r"), reply("r", calls=2))
    assert ledger.paid_in_vain(requests, [KILL]) == ({}, [])


def test_recovery_ends_with_the_last_slow_second() -> None:
    steady = [100 + n / 10 for n in range(300)]
    assert ledger.recovery_s(steady, rate=10, began=105, until=125) == 0
    gap = [at for at in steady if not 107 <= at < 112]
    assert ledger.recovery_s(gap, rate=10, began=105, until=125) == 7


def test_memory_that_grows_has_a_slope() -> None:
    assert slope([(0, 100.0), (60, 103.0), (120, 106.0)]) == pytest.approx(3)
    assert slope([(0, 100.0), (60, 100.0), (120, 100.0)]) == 0


def test_every_kind_of_fault_comes_before_any_comes_again() -> None:
    names = [fault.name for fault in sequence(60)]
    kinds = len(set(names))
    assert len(set(names[:kinds])) == kinds
    assert {fault.name for fault in brief()} < set(names)


def test_a_stepped_clock_steps_the_wall_clock_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "tell.py").write_text("import time; print(time.time())")
    set_step(tmp_path / "clock", 3600)
    launcher = Path(__file__).with_name("stepped_clock.py")
    told = subprocess.run(
        [sys.executable, str(launcher), str(tmp_path / "clock"), "tell"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(told.stdout) - time.time() == pytest.approx(3600, abs=60)
