"""A real server, llama.cpp with a small model, through the adapter that every deployment has."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from dev.llama_server import CONTEXT_TOKENS, MODEL, SLOTS, server
from dev.processes import Server
from producers.contract import ChatBody
from runtime.config.catalog import Catalog
from tests.waiting import until
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.gate import NotNow
from workers.providers.base.call_outcome import (
    CallOutcome,
    Completion,
    ConnectionLost,
    ContextTooLong,
    StreamTruncated,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import connect_providers

pytestmark = pytest.mark.model

QUESTION = "What is a queue?"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def llama(scratch: Path) -> Iterator[Server]:
    running = server(scratch / "llama")
    running.start()
    yield running
    running.kill()


def catalog(llama: Server, capabilities: tuple[str, ...]) -> Catalog:
    return Catalog.model_validate(
        {
            "models": {
                MODEL: {
                    "family": "smollm",
                    # more than it has, so that the server itself has to refuse what is too long
                    "context_window": 100 * CONTEXT_TOKENS,
                    "capabilities": capabilities,
                }
            },
            "deployments": {
                "llama": {
                    "model": MODEL,
                    "provider": "self",
                    "zone": "eu",
                    "self_hosted": True,
                    "base_url": f"http://{llama.address}/v1",
                }
            },
            "tiers": {"all": {"deployments": ["llama"]}},
            "default_baseline": "llama",
        }
    )


class Caller:
    """Asks the server as a pool does."""

    def __init__(self, session: ClientSession, llama: Server) -> None:
        self.catalog = catalog(llama, ("json_schema", "tools", "logprobs"))
        self.deltas: list[dict[str, Any]] = []
        self.first_delta = asyncio.Event()
        self._session = session
        self._llama = llama

    async def __call__(
        self,
        question: str = QUESTION,
        *,
        stream: bool = False,
        **fields: Any,  # noqa: ANN401 - any parameter of a chat
    ) -> CallOutcome:
        asked = {
            "messages": [{"role": "user", "content": question}],
            "max_tokens": 24,
            "temperature": 0,
            **fields,
        }
        deployment, model = self.catalog.deployments["llama"], self.catalog.models[MODEL]
        request = ProviderRequest(deployment, model, ChatBody.model_validate(asked), 60, 60)
        provider = connect_providers(self.catalog, self._session, {})["llama"]
        return await provider.send(request, self._take if stream else None)

    async def _take(self, delta: dict[str, Any]) -> None:
        self.deltas.append(delta)
        if delta.get("content"):
            self.first_delta.set()

    def text(self) -> str:
        """What was streamed."""
        return "".join(delta.get("content") or "" for delta in self.deltas)

    async def counted(self) -> Mapping[str, int]:
        """The server's own counters of tokens since its start."""
        async with self._session.get(f"http://{self._llama.address}/metrics") as response:
            lines = [line.split() for line in (await response.text()).splitlines()]
        return {line[0]: int(float(line[1])) for line in lines if len(line) == 2}

    async def busy_slots(self) -> int:
        """How many answers the server is writing."""
        async with self._session.get(f"http://{self._llama.address}/slots") as response:
            return sum(slot["is_processing"] for slot in await response.json())


@pytest.fixture
async def call(llama: Server) -> AsyncIterator[Caller]:
    async with ClientSession() as session:
        yield Caller(session, llama)


def answer(outcome: CallOutcome) -> Completion:
    assert isinstance(outcome, Completion), outcome
    return outcome


def text_of(outcome: CallOutcome) -> str:
    text = answer(outcome).body["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


async def test_an_answer_and_its_stream_say_the_same(call: Caller) -> None:
    whole = answer(await call())
    streamed = answer(await call(stream=True))
    assert text_of(whole)
    assert text_of(streamed) == call.text() == text_of(whole)
    assert len(call.deltas) > 10
    assert streamed.finish_reason == whole.finish_reason == "length"
    assert streamed.usage.output == whole.usage.output == 24
    assert streamed.usage.input_total == whole.usage.input_total
    assert streamed.body["model"] == whole.body["model"] == MODEL
    assert streamed.first_token_s > 0
    assert not whole.warnings


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_is_what_the_server_counts(call: Caller, *, stream: bool) -> None:
    before = await call.counted()
    usage = answer(await call("Name three colours, please.", stream=stream)).usage
    after = await call.counted()

    def more(name: str) -> int:
        return after[f"llamacpp:{name}"] - before[f"llamacpp:{name}"]

    assert usage.input_uncached == more("prompt_tokens_total") > 0
    assert usage.cache_read == more("prompt_tokens_cached_total")
    assert usage.output == more("tokens_predicted_total") > 0


async def test_a_stop_sequence_ends_the_answer_before_it(call: Caller) -> None:
    free = text_of(await call())
    word = free.split()[4]
    for stream in (False, True):
        cut = answer(await call(stop=[word], stream=stream))
        assert cut.finish_reason == "stop"
        assert text_of(cut) == free[: free.index(word)]
    assert call.text() == free[: free.index(word)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_beyond_the_context_is_told_from_a_bad_request(
    call: Caller, *, stream: bool
) -> None:
    outcome = await call("word " * 2 * CONTEXT_TOKENS, stream=stream)
    assert isinstance(outcome, ContextTooLong)
    assert outcome.status == 400
    assert str(CONTEXT_TOKENS) in outcome.message
    assert outcome.usage is None


@pytest.mark.parametrize("stream", [False, True])
async def test_a_schema_is_kept(call: Caller, *, stream: bool) -> None:
    form = {"name": "person", "strict": True, "schema": PERSON}
    outcome = await call(
        "Ann is 31 years old. Write her as JSON.",
        stream=stream,
        max_tokens=100,
        response_format={"type": "json_schema", "json_schema": form},
    )
    person = json.loads(text_of(outcome))
    assert set(person) == {"name", "age"}
    assert isinstance(person["name"], str)
    assert 0 <= person["age"] <= 99


async def test_tools_and_their_results_are_taken(call: Caller) -> None:
    # a model of this size calls none; what counts is that the server takes what we say of them
    made = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "How is the weather in Oslo?"},
        {"role": "assistant", "content": "I look it up.", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain, 5 degrees."},
    ]
    outcome = answer(await call(tools=[WEATHER], messages=history))
    assert text_of(outcome)
    assert outcome.usage.output > 0


async def test_log_probabilities_come_with_every_token(call: Caller) -> None:
    outcome = answer(await call(logprobs=True, top_logprobs=2, max_tokens=5))
    tokens = outcome.body["choices"][0]["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == text_of(outcome)
    assert all(len(token["top_logprobs"]) == 2 for token in tokens)


async def test_a_cancelled_call_stops_the_server(call: Caller) -> None:
    before = (await call.counted())["llamacpp:tokens_predicted_total"]
    begun = asyncio.create_task(call("Tell a long story.", stream=True, max_tokens=400))
    await call.first_delta.wait()
    assert await call.busy_slots() == 1
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun

    async def is_idle() -> bool:
        return not await call.busy_slots()

    await until(is_idle, within_s=10)
    # it counts an answer when it leaves its slot: far less than was asked for
    assert (await call.counted())["llamacpp:tokens_predicted_total"] - before < 200


async def test_sixteen_at_once(call: Caller) -> None:
    assert SLOTS == 16
    questions = [f"What is {n} plus {n}?" for n in range(SLOTS)]
    together = await asyncio.gather(*(call(each, max_tokens=12) for each in questions))
    assert [answer(each).usage.output > 0 for each in together] == [True] * SLOTS
    assert len({answer(each).body["id"] for each in together}) == SLOTS


async def test_the_breaker_opens_when_the_server_is_killed_and_closes_when_it_is_back(
    call: Caller, llama: Server
) -> None:
    heard: list[Transition] = []
    admission = DeploymentAdmission(call.catalog, time.monotonic, heard.append)

    async def admitted_call(**fields: Any) -> CallOutcome:  # noqa: ANN401 - of a chat
        permit = await admission.admit("llama", 100)
        assert isinstance(permit, CallPermit), permit
        outcome = await call(max_tokens=fields.pop("max_tokens", 4), **fields)
        admission.report_outcome(permit, outcome)
        return outcome

    assert isinstance(await admitted_call(), Completion)
    begun = asyncio.create_task(admitted_call(stream=True, max_tokens=400))
    await call.first_delta.wait()
    llama.kill()
    cut = await begun
    assert isinstance(cut, StreamTruncated)
    assert cut.usage is not None
    assert cut.usage.output > 0
    assert cut.usage_estimated
    refused = 0
    while not isinstance(admission.gate("llama", 100), NotNow):
        assert isinstance(await admitted_call(), ConnectionLost)
        refused += 1
    assert refused == 4
    assert [each.after for each in heard] == ["open"]

    llama.start()
    async with asyncio.timeout(20):
        while heard[-1].after != "closed":
            gate = admission.gate("llama", 100)
            if isinstance(gate, NotNow):
                await admission.wait_for_change(max(0.01, gate.until - time.monotonic()))
            else:
                assert isinstance(await admitted_call(), Completion)
    assert [each.after for each in heard] == ["open", "half_open", "closed"]
