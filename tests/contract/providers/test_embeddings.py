"""Embeddings of every provider of OpenAI's dialect: the same vectors, whatever the wire has."""

from base64 import b64decode
from typing import Any

import pytest

from workers.providers.base.call_outcome import Completion, RequestRejected
from workers.providers.base.dialect import MALFORMED
from workers.providers.openai.response import openai_answer

from .conftest import Caller

PLACEHOLDER: Any = [{"role": "user", "content": []}]


@pytest.mark.parametrize("name", ["openai", "azure", "mistral", "self"])
async def test_vectors_come_in_order_as_base64_and_are_billed(call: Caller, name: str) -> None:
    asked: dict[str, Any] = {"input": ["one", "two"], "dimensions": 8}
    outcome, _ = await call(name, {"messages": PLACEHOLDER, "embeddings": asked})
    assert isinstance(outcome, Completion), outcome
    data = outcome.body["data"]
    assert [each["index"] for each in data] == [0, 1]
    assert [len(b64decode(each["embedding"])) for each in data] == [32, 32]
    assert (outcome.usage.input_total, outcome.usage.output) == (2, 0)
    assert not outcome.usage_estimated
    again, _ = await call(name, {"messages": PLACEHOLDER, "embeddings": asked})
    assert isinstance(again, Completion)
    assert again.body["data"] == data


@pytest.mark.parametrize("name", ["mistral", "anthropic", "bedrock"])
async def test_what_a_provider_has_no_words_for_is_not_sent(call: Caller, name: str) -> None:
    asked = {"input": [[1, 2, 3]]}
    outcome, _ = await call(name, {"messages": PLACEHOLDER, "embeddings": asked})
    assert isinstance(outcome, RequestRejected)
    assert outcome.unsent


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 1, "embedding": [0.5]}],
        [{"index": 0, "embedding": []}],
        [{"index": 0, "embedding": "AAA="}],
        [{"index": 0, "embedding": [1e300]}],
        [{"index": 0, "embedding": ["x"]}],
        [{"index": 0}],
        "x",
    ],
)
def test_what_is_no_list_of_vectors_is_malformed(data: object) -> None:
    with pytest.raises(MALFORMED):
        openai_answer({"object": "list", "data": data})
