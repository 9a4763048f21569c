import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.reply_address import ReplyAddress, read_reply_address

SPRING = [
    ("kafka_replyTopic", b"llm.replies.java"),
    ("kafka_replyPartition", b"\x00\x00\x01\x02"),
    ("kafka_correlationId", b"\xff" * 16),
]
ECHO = (SPRING[2],)


def test_the_contracts_own_headers() -> None:
    headers = [("reply_to", b"llm.replies.mine"), ("x-reply-partition", b"7")]
    assert read_reply_address(headers) == ReplyAddress("llm.replies.mine", 7)
    assert read_reply_address([]) == ReplyAddress()
    assert ReplyAddress().topic == "llm.replies"


def test_springs_headers_are_raw_bytes_and_get_one_record() -> None:
    assert read_reply_address(SPRING) == ReplyAddress("llm.replies.java", 258, ECHO, chunks=False)
    more = read_reply_address([*SPRING, ("x-reply-chunks", b"true")])
    assert more == ReplyAddress("llm.replies.java", 258, ECHO)


def test_ours_go_before_springs() -> None:
    headers = [*SPRING, ("reply_to", b"ours"), ("x-reply-partition", b"0")]
    assert read_reply_address(headers) == ReplyAddress("ours", 0, ECHO, chunks=False)


def test_of_springs_headers_the_last_one_counts() -> None:
    later = ("kafka_correlationId", b"later")
    assert read_reply_address([*SPRING, later]).echo == (later,)
    assert read_reply_address([*SPRING, ("kafka_replyTopic", b"other")]).named_topic == "other"


@pytest.mark.parametrize("value", [b"", b"12", b"\xff\xff\xff\xff", b"\x00" * 5, None])
def test_a_partition_that_is_none(value: bytes) -> None:
    assert read_reply_address([("kafka_replyPartition", value)]).partition is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("reply_to", b"llm.replies.\xe4", "must be UTF-8"),
        ("kafka_replyTopic", b"\xff", "must be UTF-8"),
        ("x-reply-partition", b"\x00\x00\x00\x03", "must be digits"),
        ("x-reply-partition", b"-1", "must be digits"),
        ("x-reply-partition", b"9" * 50, "must be digits"),
        ("kafka_replyPartition", b"12", "must be four bytes"),
        ("kafka_replyPartition", b"\x00" * 5, "must be four bytes"),
    ],
)
def test_what_cannot_be_read_is_a_problem(name: str, value: bytes, words: str) -> None:
    problem = read_reply_address([(name, value)]).problem
    assert problem is not None
    assert problem.startswith(f"{name}: ")
    assert words in problem


@pytest.mark.parametrize(
    "headers",
    [
        [("reply_to", None), ("x-reply-partition", b"")],
        [("kafka_replyPartition", b"\xff\xff\xff\xff")],
        [*SPRING, ("reply_to", b"\xff"), ("x-reply-partition", b"\xff")],
    ],
    ids=["nothing", "anywhere", "Spring's count"],
)
def test_what_is_absent_is_none(headers: list[tuple[str, bytes]]) -> None:
    assert read_reply_address(headers).problem is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for name, _ in SPRING] + ["reply_to", "x-reply-partition"]),
            st.none() | st.binary(max_size=20),
        )
    )
)
def test_no_header_breaks_it(headers: list[tuple[str, bytes]]) -> None:
    address = read_reply_address(headers)
    assert address.partition is None or address.partition >= 0
