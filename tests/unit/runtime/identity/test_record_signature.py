"""Is a record genuine exactly as one of our processes wrote it, where it wrote it?"""

from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.contract import codec
from producers.kafka.broker import Outgoing, Partition, Record
from runtime.identity.record_signature import RecordSigner

KEY, OLDER = "k" * 32, "o" * 40
SIGNER = RecordSigner([KEY])
HEADERS = [
    (codec.TENANT_HEADER, b"acme"),
    (codec.REPLY_TO, b"llm.replies"),
    (codec.TARGET, b"llm.tier.economy"),
    ("x-dlq-reason", b"internal_error"),
    ("of-the-sender", b"1"),
    ("traceparent", b"00-1-2-01"),
]


def written(signer: RecordSigner = SIGNER, record: Outgoing | None = None) -> Record:
    signed = signer.sign(record or Outgoing("llm.tier.economy", b"value", b"key", HEADERS))
    place = Partition(signed.topic, 3)
    return Record(place, 7, signed.key, signed.value, tuple(signed.headers), 1)


def test_what_we_wrote_is_genuine_by_either_key() -> None:
    assert SIGNER.genuine(written())
    rotated = RecordSigner(["n" * 32, KEY])
    assert rotated.genuine(written())
    assert not SIGNER.genuine(written(rotated))
    assert not RecordSigner([OLDER]).genuine(written())


def test_nothing_that_matters_can_be_changed() -> None:
    record = written()
    for changed in (
        replace(record, value=b"valuf"),
        replace(record, key=b"other"),
        replace(record, key=None),
        replace(record, partition=Partition("llm.tier.frontier", 3)),
        replace(record, headers=record.headers[1:]),
        replace(record, headers=record.headers[:-1]),
        replace(record, headers=[(codec.TENANT_HEADER, b"globex"), *record.headers]),
        replace(record, headers=[*record.headers, (codec.VISITED, b"economy")]),
        replace(record, headers=[(name, b"") for name, _ in record.headers]),
        replace(record, headers=[*record.headers[:-1], (codec.SIGNATURE, "é".encode())]),
    ):
        assert not SIGNER.genuine(changed)


def test_what_travels_untouched_or_changes_at_each_hop_is_not_covered() -> None:
    record = written()
    untouched = [pair for pair in record.headers if pair[0] not in {"traceparent", "of-the-sender"}]
    assert SIGNER.genuine(replace(record, headers=untouched))


def test_a_signature_replaces_the_one_before() -> None:
    again = replace(SIGNER.sign(Outgoing("a", b"", None, written().headers)), topic="llm.usage")
    signed = written(SIGNER, again)
    assert SIGNER.genuine(signed)
    assert sum(name == codec.SIGNATURE for name, _ in signed.headers) == 1


Parts: TypeAlias = tuple[bytes | None, bytes, list[tuple[str, bytes]]]
HEADER = st.tuples(
    st.sampled_from([codec.TENANT_HEADER, codec.REPLY_TO, "x-dlq-a", "x-dlq-b"]),
    st.none() | st.binary(max_size=4),
)
PARTS = st.tuples(
    st.none() | st.binary(max_size=3), st.binary(max_size=4), st.lists(HEADER, max_size=3)
)


@settings(max_examples=60)
@given(PARTS, PARTS)
def test_no_two_records_bear_one_signature(first: Parts, second: Parts) -> None:
    def signature(parts: Parts) -> str | None:
        key, value, headers = parts
        signed = SIGNER.sign(Outgoing("t", value, key, headers))
        return codec.header(signed.headers, codec.SIGNATURE)

    assert (signature(first) == signature(second)) == (first == second)


@pytest.mark.parametrize("keys", [[], ["short"], [KEY, "short"]])
def test_a_weak_key_is_refused_unquoted(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        RecordSigner(keys)
    assert "short" not in str(caught.value)
