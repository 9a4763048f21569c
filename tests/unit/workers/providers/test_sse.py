"""Server-Sent Events in any chunking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import limits
from workers.providers.sse import END_OF_EVENT, SseParser

lines = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)


@given(st.lists(lines, max_size=8), st.integers(1, 30), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_chunking_reads_the_same(datas: list[str], size: int, end: str) -> None:
    stream = "".join(f"event: x{end}: comment{end}data: {data}{end}{end}" for data in datas)
    raw, parser = stream.encode(), SseParser()
    read = [event for n in range(0, len(raw), size) for event in parser.feed(raw[n : n + size])]
    assert [event.decode() for event in read] == datas


def test_several_data_lines_are_one_event() -> None:
    assert SseParser().feed(b"data: a\ndata:b\n\n") == [b"a\nb"]


@given(st.lists(st.sampled_from([b"data: a", b"\r", b"\n", b"\r\n", b": c"]), max_size=12))
def test_any_mix_of_line_ends_reads_the_same_in_any_chunking(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    whole, split = SseParser(), SseParser()
    events = [*whole.feed(stream), *whole.feed(END_OF_EVENT)]
    chunks = [*(stream[n : n + 1] for n in range(len(stream))), END_OF_EVENT]
    assert [event for chunk in chunks for event in split.feed(chunk)] == events


@pytest.mark.parametrize("line", [b"data: x\n", b"x\n"])
def test_an_event_of_lines_without_an_end_is_refused_while_it_comes(line: bytes) -> None:
    parser, most = SseParser(), limits.PROVIDER_LINES.value
    assert parser.feed(line * most) == []
    with pytest.raises(ValueError, match="lines of one event"):
        parser.feed(line)


def test_an_unfinished_event_waits() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\n") == [b"a"]
