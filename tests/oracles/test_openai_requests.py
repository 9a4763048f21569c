"""Our requests, field by field beside those of OpenAI's, Azure's and Mistral's official clients."""

from typing import Any

import openai
import pytest
from mistralai.client import Mistral

from .both_sides import CALLED, FORM, HELLO, RESULT, SEES, SYSTEM, TOOLS, ours, same, theirs
from .conftest import KEY, Recorder

OPENAI_CALLS: list[dict[str, Any]] = [
    {"messages": [SYSTEM, HELLO]},
    {"messages": [HELLO], "max_tokens": 50, "temperature": 0.2, "stop": ["END"], "seed": 7},
    {"messages": [HELLO], "logprobs": True, "top_logprobs": 2, "n": 2, "user": "u1"},
    {"messages": [SEES]},
    {"messages": [HELLO], "tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False},
    {"messages": [HELLO, CALLED, RESULT], "tools": TOOLS},
    {"messages": [HELLO], "response_format": FORM},
]


@pytest.mark.parametrize(
    ("body", "stream"),
    [
        (body, stream)
        for body in OPENAI_CALLS
        for stream in (False, True)
        if not (stream and "n" in body)
    ],
)
def test_openai(recorder: Recorder, body: dict[str, Any], stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    client = openai.OpenAI(api_key=KEY, base_url=f"{recorder.address}/v1", max_retries=0)
    limited = {**body}
    if "max_tokens" in limited:
        limited["max_completion_tokens"] = limited.pop("max_tokens")
    more: dict[str, Any] = (
        {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    )
    their = theirs(
        recorder,
        lambda: client.chat.completions.create(model="gpt-4o-mini", **limited, **more),
    )
    client.close()
    our = ours(recorder, body, stream=stream, path="/v1", model="gpt-4o-mini", provider="openai")
    same(our, their, "authorization", "content-type")


@pytest.mark.parametrize("stream", [False, True])
def test_azure_openai(recorder: Recorder, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    client = openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=recorder.address, api_version="2024-10-21", max_retries=0
    )
    more: Any = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    messages: Any = [SYSTEM, HELLO]
    their = theirs(
        recorder,
        lambda: client.chat.completions.create(model="my-4o", messages=messages, **more),
    )
    client.close()
    our = ours(
        recorder,
        {"messages": [SYSTEM, HELLO]},
        stream=stream,
        model="gpt-4o",
        provider="azure",
        wire_model="my-4o",
        api_version="2024-10-21",
    )
    same(our, their, "api-key", "content-type")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("body", "own"),
    [
        ({"messages": [SYSTEM, HELLO], "seed": 7}, {"random_seed": 7}),
        ({"messages": [HELLO], "max_completion_tokens": 9, "stop": "X"}, {"max_tokens": 9}),
        ({"messages": [HELLO, CALLED, RESULT], "tools": TOOLS, "tool_choice": "auto"}, {}),
        ({"messages": [HELLO], "response_format": FORM}, {}),
    ],
)
def test_mistral(
    recorder: Recorder,
    body: dict[str, Any],
    own: dict[str, Any],
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    renamed = {"seed", "max_completion_tokens"}
    asked: Any = {name: told for name, told in body.items() if name not in renamed} | own
    with Mistral(api_key=KEY, server_url=recorder.address) as client:
        call = client.chat.stream if stream else client.chat.complete
        their = theirs(recorder, lambda: call(model="mistral-small-2501", **asked))
    our = ours(
        recorder,
        body,
        stream=stream,
        path="/v1",
        model="mistral-small-3",
        provider="mistral",
        wire_model="mistral-small-2501",
    )
    assert our.path == their.path.removesuffix("#stream")
    assert our.headers["authorization"] == their.headers["authorization"]
    assert without_defaults(our.body) == without_defaults(their.body)


def without_defaults(told: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Mistral's client writes out what is the default, wherever it may stand."""
    defaults: dict[str, Any] = {"stream": False, "prefix": False, "index": 0, "strict": False}
    if isinstance(told, dict):
        return {
            name: without_defaults(value)
            for name, value in told.items()
            if name not in defaults or defaults[name] != value
        }
    return [without_defaults(each) for each in told] if isinstance(told, list) else told
