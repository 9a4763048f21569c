"""Are a batch's results read a line at a time, however their bytes come?"""

import json
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from runtime import limits
from workers.batching.providers import http_exchange
from workers.batching.providers.adapter import ResultsUnreadableError
from workers.batching.providers.http_exchange import result_file_lines
from workers.batching.wires.anthropic_batches import anthropic_result
from workers.batching.wires.batch_status import ItemAnswered, ResultLine, UnreadableLine
from workers.batching.wires.bedrock_batches import bedrock_result
from workers.batching.wires.openai_batches import openai_result

MOST = limits.PROVIDER_MARKS.value
LINES: dict[Callable[[bytes], ResultLine], str] = {
    openai_result: '{"custom_id":"a","response":{"status_code":200,"body":%s}}',
    anthropic_result: '{"custom_id":"a","result":{"type":"succeeded","message":%s}}',
    bedrock_result: '{"recordId":"a","modelOutput":%s}',
}


async def lines_of(chunks: Sequence[bytes]) -> list[bytes]:
    async def coming() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in result_file_lines(coming())]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    text = b'{"a":1}\n\n \r\n{"b":"\xe2\x80\xa8"}\n{"c":3}'
    chunks = [text[begin : begin + size] for begin in range(0, len(text), size)]
    assert await lines_of(chunks) == [b'{"a":1}', b'{"b":"\xe2\x80\xa8"}', b'{"c":3}']


async def test_a_line_without_an_end_is_refused_at_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_exchange, "LONGEST_LINE", 100)
    assert await lines_of([b"x"] * 100) == [b"x" * 100]
    with pytest.raises(ResultsUnreadableError):
        await lines_of([b"x"] * 101)


@pytest.mark.parametrize("read", LINES)
def test_a_line_of_too_many_values_is_not_parsed(read: Callable[[bytes], ResultLine]) -> None:
    few, many = (LINES[read] % json.dumps([[]] * number) for number in (1_000, MOST))
    assert isinstance(read(few.encode()), ItemAnswered)
    assert read(many.encode()) == UnreadableLine()
