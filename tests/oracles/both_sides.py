"""One call, said by our adapter and by an official client, both to the recorder."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anthropic
import botocore.exceptions
import openai
from aiohttp import ClientSession
from mistralai.client import errors as mistral_errors

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.prompt_cache.policy import CachePlan, Unmarked
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import provider_of

from .conftest import KEY, Recorder, Sent

MODEL = Model(
    family="any",
    context_window=200_000,
    max_output=4096,
    capabilities=frozenset({"tools", "images", "json_schema", "logprobs", "reasoning"}),
)
CLAUDE = "claude-haiku-4-5"
BEDROCK = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}
PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello"}
SEES = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{PIXEL}"}},
    ],
}
CALLED = {
    "role": "assistant",
    "content": "Let me look.",
    "tool_calls": [
        {
            "id": "abcDEF123",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Ulm"}'},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": "abcDEF123", "content": "Rain"}
TOOLS = [{"type": "function", "function": TOOL}]
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}


def ours(
    recorder: Recorder,
    body: Mapping[str, Any],
    *,
    stream: bool = False,
    plan: CachePlan | None = None,
    path: str = "",
    **deployment: Any,  # noqa: ANN401 - fields of Deployment
) -> Sent:
    """What our adapter sends."""
    told = {"zone": "eu", "api_key_env": "KEY", "base_url": recorder.address + path, **deployment}
    chosen = Deployment.model_validate(told)
    environment = {"KEY": KEY, "AWS_ACCESS_KEY_ID": "AKIAORACLE", "AWS_SECRET_ACCESS_KEY": KEY}
    asked = ChatBody.model_validate(body)
    call = ProviderRequest(chosen, MODEL, asked, 60, 60, plan or Unmarked())

    async def drop(_: dict[str, Any]) -> None:
        """Nothing comes: the recorder doesn't answer."""

    async def send() -> None:
        async with ClientSession() as session:
            provider = provider_of(chosen, session, environment)
            await provider.send(call, drop if stream else None)

    asyncio.run(send())
    return recorder.take()


def theirs(recorder: Recorder, call: Callable[[], object]) -> Sent:
    """What the official client sends."""
    refused = (
        openai.APIError,
        anthropic.APIError,
        botocore.exceptions.ClientError,
        mistral_errors.MistralError,
    )
    with suppress(*refused):
        call()
    return recorder.take()


def same(our: Sent, their: Sent, *headers: str) -> None:
    """The same path, body, and headers that count."""
    assert our.path == their.path
    assert our.body == their.body
    assert {n: our.headers[n] for n in headers} == {n: their.headers[n] for n in headers}
