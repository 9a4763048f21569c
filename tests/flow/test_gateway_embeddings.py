"""Does OpenAI's own SDK get its embeddings, by changing base_url?"""

from base64 import b64decode, b64encode
from struct import pack, unpack
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from producers.contract import Usage, topics
from tests.flow.gateway_stage import PATIENCE_S, Door, door
from tests.flow.stage import catalog
from workers.providers.base.call_outcome import Completion

MODELS: Any = {
    **{name: {"family": "f", "context_window": 100_000} for name in ("small", "medium")},
    "nobody-knows": {
        "family": "f", "context_window": 8_192, "capabilities": ["embeddings"], "dimensions": 4,
    },
}  # fmt: skip
EMBEDDING_CATALOG = catalog(models=MODELS)


def client_of(opened: Door) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{opened.address}/v1", api_key="none", max_retries=0)


async def embeds(call: Any, emit: Any) -> Completion:  # noqa: ANN401 the seam's
    """A vector of each input's length."""
    assert emit is None
    inputs = call.body.embeddings["input"]
    data = [
        {"object": "embedding", "index": n, "embedding": vector(len(each))}
        for n, each in enumerate(inputs)
    ]
    usage = Usage(input_uncached=sum(map(len, inputs)))
    told = {"prompt_tokens": usage.input_total, "total_tokens": usage.input_total}
    return Completion({"object": "list", "data": data, "usage": told}, usage, "stop", 0.01)


def vector(size: int) -> str:
    return b64encode(pack("<4f", size, 0.5, -1, 0)).decode()


async def test_texts_tokens_and_both_forms() -> None:
    async with (
        door({"odd": embeds}, catalog=EMBEDDING_CATALOG) as opened,
        client_of(opened) as client,
    ):
        raw = await client.embeddings.with_raw_response.create(
            model="nobody-knows", input=["a", "bcd"], dimensions=4
        )
        made = raw.parse()
        assert [each.embedding for each in made.data] == [[1, 0.5, -1, 0], [3, 0.5, -1, 0]]
        assert made.usage.prompt_tokens == 4
        assert raw.headers["x-switchgear-deployment"] == "odd"
        # by number, not by name: a model that embeds is what `auto` finds then
        tokens = await client.embeddings.create(
            model="auto", input=[[1, 2], [3]], encoding_format="float"
        )
        assert [each.index for each in tokens.data] == [0, 1]
        assert opened.stage.calls[1].body.embeddings["input"] == [[1, 2], [3]]
        async with httpx2.AsyncClient(base_url=opened.address, timeout=PATIENCE_S) as plain:
            body = {"model": "nobody-knows", "input": "xy", "encoding_format": "base64"}
            told = (await plain.post("/v1/embeddings", json=body)).json()
    assert unpack("<4f", b64decode(told["data"][0]["embedding"])) == (2, 0.5, -1, 0)
    assert told["object"] == "list"


async def test_a_repeated_question_is_answered_by_the_cache_in_either_form() -> None:
    async with (
        door({"odd": embeds}, catalog=EMBEDDING_CATALOG) as opened,
        client_of(opened) as client,
    ):
        options: Any = {"model": "nobody-knows", "input": ["a"]}
        first = await client.embeddings.create(**options)
        again = await client.embeddings.with_raw_response.create(**options, encoding_format="float")
        assert again.headers["x-switchgear-cache"] == "hit:exact"
        assert again.parse().data[0].embedding == first.data[0].embedding
        assert again.parse().usage.prompt_tokens == 1
        await client.embeddings.create(model="nobody-knows", input=["b"])
        assert len(opened.stage.calls) == 2


async def test_what_one_reply_cannot_hold_comes_in_several_and_is_booked() -> None:
    models = {**MODELS, "nobody-knows": {**MODELS["nobody-knows"], "dimensions": 30_000}}
    async with (
        door({"odd": embeds}, catalog=catalog(models=models)) as opened,
        client_of(opened) as client,
    ):
        inputs = ["x" * (n + 1) for n in range(14)]
        made = await client.embeddings.create(model="nobody-knows", input=inputs)
        assert [each.embedding[0] for each in made.data] == list(range(1, 15))
        assert [each.index for each in made.data] == list(range(14))
        assert made.usage.total_tokens == sum(range(1, 15))
        events = await opened.stage.events(3)
    assert sum(event.usage.input_total for event in events) == made.usage.total_tokens
    assert len({event.id for event in events}) == 3


async def test_chats_stay_with_chat_models_and_embeddings_with_theirs() -> None:
    async with (
        door({"odd": embeds}, catalog=EMBEDDING_CATALOG) as opened,
        client_of(opened) as client,
    ):
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await client.chat.completions.create(
                model="nobody-knows", messages=[{"role": "user", "content": "x"}]
            )
        assert "embeds texts only" in caught.value.message
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await client.embeddings.create(model="small", input="x")
        assert "embeddings" in caught.value.message
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="unheard-of", input="x")


async def test_wrong_inputs_are_refused_by_their_place() -> None:
    async with door(catalog=EMBEDDING_CATALOG) as opened, client_of(opened) as client:
        wrong: list[tuple[Any, str]] = [
            ([], "input"),
            ("", "input.0"),
            (["a", ""], "input.1"),
            (["a", [1]], "input.1"),
            ([[]], "input.0"),
            ([["a"]], "input.0"),
            ({"a": 1}, "input"),
            (["a"] * 2_049, "2,049"),
            ([-1], "input"),
            ([True], "input"),
        ]
        for given, named in wrong:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.embeddings.create(model="nobody-knows", input=given)
            assert named in caught.value.message
        for options in ({"dimensions": 0}, {"encoding_format": "int8"}):
            with pytest.raises(openai.BadRequestError):
                await client.embeddings.create(model="nobody-knows", input="a", **options)
        assert opened.stage.broker.written(topics.REQUESTS) == []
