"""A provider that asks for the weather of Oslo once, and then tells it."""

from typing import Any

from tests.fakes import answer
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

_CALL: Any = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}


async def weather_tool(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
    """The script of the deployment: by whether the conversation has the tool's result."""
    messages = call.body.messages
    if any(message["role"] == "tool" for message in messages):
        if emit is not None:
            await emit({"content": "It is sunny."})
        return answer("It is sunny.")
    if emit is not None:
        await emit({"tool_calls": [{"index": 0, **_CALL}]})
    message = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}
    return Completion(body, answer().usage, "tool_calls", 0.01)


async def forty_two(_call: ProviderRequest, emit: Emit | None) -> CallOutcome:
    """The script of a deployment that says 42, in two pieces to who wants them."""
    if emit is not None:
        await emit({"content": "4"})
        await emit({"content": "2"})
    return answer("42")
