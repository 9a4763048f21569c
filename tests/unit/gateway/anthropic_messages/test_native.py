"""Does what OpenAI's shape loses travel beside the chat, to Anthropic's interface and back?"""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.answers.dialect import DialectCall
from gateway.anthropic_messages.dialect import AnthropicMessages
from gateway.anthropic_messages.response import content_blocks
from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.openai.request import OpenAiDialect

MARK = {"type": "ephemeral"}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
ASKED: dict[str, Any] = {
    "model": "auto",
    "max_tokens": 99,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": [{"type": "document", "source": PDF, "title": "t"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s1g"},
                {"type": "text", "text": "I look."},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                {"type": "redacted_thinking", "data": "zzz"},
                {"type": "text", "text": "So."},
            ],
        },
        {"role": "user", "content": "And?"},
    ],
    "tools": [SEARCH, {"name": "f", "input_schema": {"type": "object"}, "cache_control": MARK}],
    "context_management": {"edits": []},
}


def read(body: dict[str, Any], betas: str | None = None) -> DialectCall:
    call = AnthropicMessages(betas).read(body)
    assert isinstance(call, DialectCall), call
    return call


def request_of(call: DialectCall, provider: str) -> ProviderRequest:
    deployment = Deployment(model="m", provider=provider, base_url="http://x", zone="us")
    model = Model(family="claude", context_window=200_000, capabilities=frozenset({"tools"}))
    return ProviderRequest(deployment, model, ChatBody.model_validate(call.body), 9, 9)


def test_the_callers_own_blocks_reach_anthropics_interface() -> None:
    call = read(ASKED, "context-1m-2025-08-07, bad flag!")
    wire = AnthropicDialect().encode_request(request_of(call, "anthropic"), stream=True)
    assert isinstance(wire, WireRequest)
    sent = json.loads(wire.body)
    assert sent["messages"][:2] == ASKED["messages"][:2]
    assert sent["messages"][2]["content"] == [{"type": "text", "text": "And?"}]
    assert sent["system"] == ASKED["system"]
    assert sent["tools"] == ASKED["tools"]
    assert sent["context_management"] == {"edits": []}
    assert (sent["model"], sent["max_tokens"], sent["stream"]) == ("m", 99, True)
    assert wire.headers["anthropic-beta"] == "context-1m-2025-08-07"


def test_any_other_interface_gets_the_rest_and_the_caller_a_warning() -> None:
    body = {**ASKED, "messages": ASKED["messages"][1:]}
    wire = OpenAiDialect().encode_request(request_of(read(body), "openai"), stream=False)
    assert isinstance(wire, WireRequest)
    sent = json.loads(wire.body)
    assert "anthropic" not in sent
    assert "context_management" not in sent
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["f"]
    assert sent["messages"][1]["content"] == "I look.So."
    assert any("anthropic was dropped" in warning for warning in wire.warnings)


def test_a_request_that_loses_nothing_travels_alone() -> None:
    plain = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    assert "anthropic" not in read(plain).body
    marked = [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}]
    call = read({**plain, "messages": marked})
    assert "alters" not in call.body["anthropic"]
    assert not call.buffered
    large = [{"type": "text", "text": "x" * 600_000, "cache_control": MARK}]
    cut = read({**plain, "messages": [{"role": "user", "content": large}]})
    assert "anthropic" not in cut.body
    assert "too large" in cut.warnings[0]


def test_what_a_record_says_of_betas_is_checked() -> None:
    parts = {"messages": [{"role": "user"}], "betas": ["a\r\nx: y"]}
    body = {"messages": [{"role": "user", "content": "x"}], "anthropic": parts}
    with pytest.raises(ValidationError):
        ChatBody.model_validate(body)


CITED = {"type": "char_location", "cited_text": "a", "document_index": 0}
CONTENT: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "r"}]},
    {"type": "text", "text": "It rains.", "citations": [CITED]},
]


def test_the_models_own_blocks_come_back_whole_and_streamed() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4}
    message = {"type": "message", "content": CONTENT, "stop_reason": "pause_turn", "usage": usage}
    whole = AnthropicDialect().decode_answer(json.dumps(message).encode())
    reader = AnthropicDialect().stream_reader()
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"usage": usage}}]
    for index, block in enumerate(CONTENT):
        start = {"type": "content_block_start", "index": index, "content_block": block}
        delta: dict[str, Any] = {}
        if block["type"] == "server_tool_use":
            start["content_block"] = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": '{"q": "x"}'}
        elif block["type"] == "text":
            start["content_block"] = {"type": "text", "text": "It "}
            events.append(start)
            text = {"type": "text_delta", "text": "rains."}
            events.append({"type": "content_block_delta", "index": index, "delta": text})
            delta = {"type": "citations_delta", "citation": CITED}
            start = {}
        events += [start] if start else []
        if delta:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
    events.append({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": usage})
    events.append({"type": "message_stop"})
    for event in events:
        list(reader.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()))
    streamed = reader.result()
    for answer in (whole, streamed):
        assert isinstance(answer, Answer)
        told = answer.body["choices"][0]["message"]
        assert told["content"] == "It rains."
        assert list(content_blocks(told, unsigned=False)) == CONTENT
        assert told["anthropic"]["stop_reason"] == "pause_turn"


def test_an_ordinary_answer_carries_nothing_twice() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "42"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]
    message = {"type": "message", "content": blocks, "stop_reason": "tool_use", "usage": {}}
    answer = AnthropicDialect().decode_answer(json.dumps(message).encode())
    assert isinstance(answer, Answer)
    assert "anthropic" not in answer.body["choices"][0]["message"]
