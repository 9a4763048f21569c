"""State of batches: what is done next, what the table knows, and how a batch is named."""

import pytest

from producers.contract import topics
from producers.contract.batch_record import BatchRecord
from producers.kafka.broker import Partition, Record
from runtime.identity.record_guard import RecordGuard
from workers.batching.gathering.turn_back import TurnBackRules
from workers.batching.pool.process import receive_genuine
from workers.batching.state.batch_key import batch_key
from workers.batching.state.batch_table import BatchTable
from workers.batching.state.next_deed import BatchRules, Deed, is_last_moment, next_deed
from workers.batching.state.primer import marks_prefixes, waits_for_primer
from workers.batching.state.refused_batch import (
    MOST_REFUSALS,
    Halve,
    LeaveOut,
    RefusalAnswer,
    ReturnAll,
    WaitForRoom,
    refusal_answer,
)
from workers.batching.wires.batch_status import BatchRefusal

RULES = BatchRules(TurnBackRules(margin_s=300, tier_tokens_per_min=60_000, cancel_s=900))
NOW = 10_000_000


def record(**fields: object) -> BatchRecord:
    told = {
        "key": "0123456789abcdef0123",
        "deployment": "d",
        "tier": "economy",
        "queue": "llm.batch",
        "partitions": (0, 0, 1),
        "offsets": (5, 7, 5),
        "formed_ms": NOW,
        **fields,
    }
    return BatchRecord.model_validate(told)


@pytest.mark.parametrize(
    ("fields", "deed"),
    [
        ({"state": "formed"}, Deed.SEND),
        ({"state": "formed", "not_before_ms": NOW + 1}, Deed.NOTHING),
        ({"state": "formed", "deadline_ms": NOW + 299_000}, Deed.RETURN),
        ({"state": "submitting", "submit_until_ms": NOW - 59_999}, Deed.NOTHING),
        ({"state": "submitting", "submit_until_ms": NOW - 60_000}, Deed.LOOK_UP),
        ({"state": "submitting", "submit_until_ms": NOW, "deadline_ms": NOW}, Deed.RETURN),
        ({"state": "submitted", "polled_ms": NOW - 60_000, "submitted_ms": NOW}, Deed.POLL),
        ({"state": "submitted", "polled_ms": NOW - 59_000, "submitted_ms": NOW}, Deed.NOTHING),
        ({"state": "submitted", "polled_ms": NOW - 60_000, "submitted_ms": 1}, Deed.NOTHING),
        ({"state": "submitted", "polled_ms": NOW - 300_000, "submitted_ms": 1}, Deed.POLL),
        ({"state": "submitted", "deadline_ms": NOW + 1_200_000, "polled_ms": NOW}, Deed.CANCEL),
        (
            {
                "state": "submitted",
                "deadline_ms": NOW + 1_200_000,
                "polled_ms": NOW,
                "unproven": True,
            },
            Deed.NOTHING,
        ),
        ({"state": "submitted", "deadline_ms": NOW + 300_000, "cancel_ms": 1}, Deed.RETURN),
        (
            {"state": "submitted", "deadline_ms": 1, "returned_ms": 1, "cancel_ms": 1},
            Deed.POLL,
        ),
        ({"state": "ended"}, Deed.READ),
        ({"state": "ended", "not_before_ms": NOW + 1}, Deed.NOTHING),
        ({"state": "ended", "deadline_ms": NOW}, Deed.READ),
        ({"state": "ended", "deadline_ms": NOW, "not_before_ms": NOW + 1}, Deed.RETURN),
        (
            {"state": "ended", "deadline_ms": 1, "returned_ms": 1, "not_before_ms": NOW + 1},
            Deed.NOTHING,
        ),
        ({"state": "closed"}, Deed.FORGET),
    ],
)
def test_what_is_done_next(fields: dict[str, object], deed: Deed) -> None:
    assert next_deed(record(**fields), RULES, NOW) is deed


def test_a_batch_without_a_deadline_is_cancelled_after_twice_its_window() -> None:
    rules = BatchRules(RULES.turn_back, window_s=1_000)
    long_ago = record(state="submitted", submitted_ms=NOW - 2_000_000, polled_ms=NOW)
    assert next_deed(long_ago, rules, NOW) is Deed.CANCEL
    assert next_deed(long_ago, rules, NOW - 1) is Deed.NOTHING


def test_the_tokens_of_a_batch_bring_its_return_forward() -> None:
    large = {"prompt_tokens": 50_000, "output_tokens": 10_000}
    due = record(state="submitted", cancel_ms=1, deadline_ms=NOW + 360_000, **large)
    assert next_deed(due, RULES, NOW) is Deed.RETURN
    assert next_deed(due, RULES, NOW - 1_000) is not Deed.RETURN


@pytest.mark.parametrize(
    "places", ["[0, 0]", "[0, 0, 0, 0]", "[0, 0, -1]", "[0, 0, 99999999999999999999]"]
)
def test_a_record_whose_places_make_no_batch_is_reported_and_changes_nothing(places: str) -> None:
    table, skipped = BatchTable(), list[str]()
    for field in (b"partitions", b"offsets"):
        value = record().model_dump_json().encode()
        value = value.replace(
            b'"%b":[%b]' % (field, b"0,0,1" if field == b"partitions" else b"5,7,5"),
            b'"%b":%b' % (field, places.encode()),
        )
        written = Record(Partition(topics.BATCHES, 0), 0, b"k", value, [], NOW)
        receive_genuine(RecordGuard(), table, skipped.append, written)
    assert skipped == [topics.BATCHES] * 2
    assert list(table.entries()) == []


def test_the_table_knows_which_requests_are_in_a_batch_until_it_is_forgotten() -> None:
    table = BatchTable()
    table.write(record(), home=3)
    assert [table.holds("llm.batch", 0, offset) for offset in (5, 6, 7, 8)] == [
        True,
        False,
        True,
        False,
    ]
    assert table.holds("llm.batch", 1, 5)
    assert not table.holds("llm.batch.eu", 0, 5)
    assert table.open_of("d") == (1, 3, 0)
    table.write(record(state="closed", revision=2), home=3)
    assert table.open_of("d") == (0, 0, 0)
    table.write(record(state="submitted", revision=1), home=3)
    entry = table.get("0123456789abcdef0123")
    assert entry is not None
    assert entry.record.state == "closed"
    table.forget("0123456789abcdef0123")
    assert not table.holds("llm.batch", 0, 5)


def test_a_result_names_its_request_or_none() -> None:
    batch = record(left_out=(1,))
    assert [batch.place_of(batch.custom_id(place)) for place in range(4)] == [0, None, 2, None]
    for strange in ("", "x", "0123456789abcdef0123-", "0123456789abcdef0123--1", "other-0"):
        assert batch.place_of(strange) is None
    assert batch.place_of("0123456789abcdef0123-٣") is None
    assert len(batch.custom_id(99_999)) <= 64
    assert batch.sent == 2


def test_a_key_depends_on_what_is_in_the_batch_not_on_its_order() -> None:
    first = batch_key("d", "q", [(0, 1), (1, 2)])
    assert first == batch_key("d", "q", [(1, 2), (0, 1)])
    assert len({first, batch_key("e", "q", [(0, 1), (1, 2)]), batch_key("d", "q", [(0, 1)])}) == 3


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (BatchRefusal("token_limit_exceeded", ""), WaitForRoom()),
        (BatchRefusal("invalid_json_line", "", (2,)), LeaveOut((2,))),
        (BatchRefusal("invalid_json_line", "", (9, 2, 2)), LeaveOut((2,))),
        (BatchRefusal("invalid_request", "", (1, 2, 3)), ReturnAll()),
        (BatchRefusal("invalid_request", "", (9,)), Halve((2, 3))),
        (BatchRefusal("invalid_request", ""), Halve((2, 3))),
        (None, Halve((2, 3))),
        (BatchRefusal("model_not_found", ""), ReturnAll()),
        (BatchRefusal("model_mismatch", "", (1,)), LeaveOut((0,))),
    ],
)
def test_which_requests_leave_a_refused_batch(
    refusal: BatchRefusal | None, answer: RefusalAnswer
) -> None:
    refused = record(partitions=(0,) * 4, offsets=(5, 6, 7, 8), left_out=(1,))
    assert refusal_answer(refused, refusal, 1) == answer


def test_refusals_without_end_are_no_lines_fault() -> None:
    refused = record()
    assert isinstance(refusal_answer(refused, None, MOST_REFUSALS), Halve)
    assert refusal_answer(refused, None, MOST_REFUSALS + 1) == ReturnAll()
    assert refusal_answer(record(left_out=(0, 1)), None, 1) == ReturnAll()


PRIMER = record(state="closed", answered=3, ended_ms=NOW)


@pytest.mark.parametrize(
    ("primer", "now_ms", "waits", "marks"),
    [
        (PRIMER, NOW + 1, False, True),
        (PRIMER, NOW + 50 * 60_000, False, False),
        (record(state="closed", answered=2, ended_ms=NOW), NOW + 1, False, False),
        (record(state="closed", returned_ms=NOW), NOW + 1, False, False),
        (record(state="submitted"), NOW + 1, True, False),
        (record(state="ended", ended_ms=NOW), NOW + 1, True, False),
        (record(state="submitted"), NOW + 30 * 60_000, False, False),
        (record(state="submitted", returned_ms=NOW), NOW + 1, False, False),
        (None, NOW + 1, False, False),
    ],
)
def test_a_batch_waits_for_its_primer_and_marks_what_that_wrote(
    primer: BatchRecord | None,
    now_ms: float,
    waits: bool,  # noqa: FBT001 a parameter of the test
    marks: bool,  # noqa: FBT001 as above
) -> None:
    following = record(primer=PRIMER.key, prefixes=(7,))
    assert waits_for_primer(following, primer, now_ms) is waits
    assert marks_prefixes(following, primer, now_ms) is marks


def test_a_primer_marks_and_a_plain_batch_does_not() -> None:
    assert marks_prefixes(record(prefixes=(7,)), None, NOW)
    assert not marks_prefixes(record(), None, NOW)


def test_half_of_the_margin_is_the_last_moment() -> None:
    ended = record(state="ended", deadline_ms=NOW + 150_000)
    assert not is_last_moment(ended, RULES, NOW - 1)
    assert is_last_moment(ended, RULES, NOW)
    assert not is_last_moment(record(state="ended"), RULES, NOW)
