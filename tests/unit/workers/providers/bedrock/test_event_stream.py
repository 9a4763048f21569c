"""AWS event streams, read in any chunking; botocore's own reader is the oracle."""

from struct import pack
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.bedrock.event_stream import EventMessage, EventStreamParser

HEADERS = {":event-type": "contentBlockDelta", ":message-type": "event"}


def header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + b"\x07" + pack(">H", len(value)) + value


def frame(headers: dict[str, str], payload: bytes, more: bytes = b"") -> bytes:
    head = more + b"".join(header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = pack(">II", 16 + len(head) + len(payload), len(head))
    whole = prelude + pack(">I", crc32(prelude)) + head + payload
    return whole + pack(">I", crc32(whole))


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[n : n + size] for n in range(0, len(data), size)]


names = st.text("abc:-", min_size=1, max_size=8)
messages = st.lists(
    st.tuples(st.dictionaries(names, st.text(max_size=9), max_size=3), st.binary(max_size=60)),
    max_size=6,
)


@given(messages, st.integers(1, 40))
def test_every_chunking_reads_the_same_as_botocore(
    told: list[tuple[dict[str, str], bytes]], size: int
) -> None:
    data = b"".join(frame(headers, payload) for headers, payload in told)
    parser, oracle = EventStreamParser(), EventStreamBuffer()
    read = [message for chunk in chunks(data, size) for message in parser.feed(chunk)]
    oracle.add_data(data)
    messages_of: Any = oracle
    theirs = [(dict(message.headers), message.payload) for message in messages_of]
    assert [(dict(message.headers), message.payload) for message in read] == theirs


def test_headers_of_other_types_are_skipped() -> None:
    more = b"\x01a\x00" + b"\x01b\x08" + bytes(8) + b"\x01c\x06\x00\x02xy"
    (message,) = EventStreamParser().feed(frame(HEADERS, b"{}", more))
    assert message == EventMessage(HEADERS, b"{}")


@pytest.mark.parametrize("position", [3, 9, 30, -1])
def test_a_flipped_bit_is_noticed(position: int) -> None:
    data = bytearray(frame(HEADERS, b'{"a":1}'))
    data[position] ^= 1
    with pytest.raises(ValueError, match=r"damaged|checksum"):
        list(EventStreamParser().feed(bytes(data)))
