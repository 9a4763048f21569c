import pytest

from gateway.answers.dialect import DialectCall
from gateway.stored_requests.index import Expired, Place, StoredEntry, StoredIndex, Unknown
from gateway.stored_requests.receipt import Receipt, call_fields, call_of
from producers.contract import Failed, codec, topics
from producers.kafka.broker import Partition, Record

KEEP_MS = 1000


def receipt(tenant: str = "t", created_ms: int = 0) -> Receipt:
    return Receipt(
        id="r", tenant=tenant, dialect="chat", call={}, digest="d", created_ms=created_ms
    )


def record(value: bytes, at_ms: int = 0, tenant: str | None = "t", offset: int = 0) -> Record:
    headers = codec.to_headers({codec.TENANT_HEADER: tenant})
    return Record(Partition(topics.STORED, 0), offset, b"r", value, headers, at_ms)


FAILED = codec.encode(Failed(id="r", code="overloaded", message="m", retryable=True))


def test_a_reply_ends_its_own_tenants_request_once() -> None:
    index = StoredIndex(KEEP_MS)
    assert index.add(record(codec.encode(receipt()))) == ("t", "r")
    assert index.add(record(FAILED, tenant="other", offset=1)) is None
    assert index.add(record(FAILED, tenant=None, offset=2)) is None
    assert index.find("t", "r", 0) == StoredEntry(receipt())
    assert index.add(record(FAILED, at_ms=5, offset=3)) == ("t", "r")
    place = Place(Partition(topics.STORED, 0), 3)
    assert index.add(record(FAILED, at_ms=9, offset=4)) is None
    assert index.find("t", "r", 5) == StoredEntry(receipt(), place, 5, may_run_again=True)


def test_what_is_no_receipt_and_no_reply_changes_nothing_and_junk_is_refused() -> None:
    index = StoredIndex(KEEP_MS)
    for value in (b"", b'{"type":"chunk"}'):
        assert index.add(record(value)) is None
    crowded = b'{"type":"receipt","extra":{"a":[' + b"0," * 40_000 + b"0]}}"
    for value in (b"{}", b'{"type":"receipt"}', crowded, b"null", b"\xff"):
        with pytest.raises(ValueError, match="receipt"):
            index.add(record(value))
    assert index.find("t", "r", 0) == Unknown()


def test_an_answer_is_kept_for_its_time_and_known_until_nothing_can_ask_for_it() -> None:
    index = StoredIndex(KEEP_MS)
    index.add(record(codec.encode(receipt())))
    index.add(record(FAILED, at_ms=0, offset=1))
    assert isinstance(index.find("t", "r", KEEP_MS), StoredEntry)
    assert index.find("t", "r", KEEP_MS + 1) == Expired()
    assert index.horizon_ms >= 2 * KEEP_MS
    late_ms = index.horizon_ms + 1
    index.add(record(codec.encode(receipt("other", late_ms)), at_ms=late_ms))
    assert index.find("t", "r", 0) == Unknown()


def test_asked_again_the_first_receipt_counts() -> None:
    index = StoredIndex(KEEP_MS)
    index.add(record(codec.encode(receipt())))
    assert index.add(record(codec.encode(receipt(created_ms=7)), offset=1)) is None
    assert index.find("t", "r", 0) == StoredEntry(receipt())


def test_a_call_is_kept_without_its_body_and_read_from_any_version() -> None:
    call = DialectCall(body={"x": 1}, model="auto", choices=2, warnings=("w",))
    kept = call_fields(call)
    assert "body" not in kept
    assert call_of({**kept, "warnings": ["w"], "of_a_later_version": 1}) == DialectCall(
        body={}, model="auto", choices=2, warnings=("w",)
    )


def test_asked_again_after_a_failure_it_begins_anew_unless_the_failure_is_final() -> None:
    final = codec.encode(Failed(id="r", code="provider_rejected", message="m", retryable=False))
    for ending, anew in ((FAILED, True), (final, False)):
        index = StoredIndex(KEEP_MS)
        index.add(record(codec.encode(receipt())))
        index.add(record(ending, at_ms=5, offset=1))
        assert index.add(record(codec.encode(receipt()), offset=2)) is None  # the same, read again
        later = index.add(record(codec.encode(receipt(created_ms=7)), offset=3))
        assert later == (("t", "r") if anew else None)
        entry = index.find("t", "r", 7)
        assert isinstance(entry, StoredEntry)
        assert (entry.reply is None) == anew
        other = receipt(created_ms=9).model_copy(update={"digest": "e"})
        assert index.add(record(codec.encode(other), offset=4)) is None
