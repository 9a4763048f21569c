"""What does an answer in OpenAI's dialect say, whole or streamed?"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from producers.contract import Usage
from workers.providers.base.call_outcome import Failure
from workers.providers.base.dialect import Answer, Delta, filtered_answer, truncated_stream
from workers.providers.base.error_report import ErrorReport
from workers.providers.errors.classification import error_in_stream
from workers.providers.sse import SseParser


def openai_answer(body: dict[str, Any]) -> Answer | ErrorReport | Failure:
    """The answer in a `chat.completion`; a filtered one is a failure that was billed.

    Some servers tell an error with status 200: it counts as the error that it is.
    """
    if body.get("error"):
        return error_in_stream(body)
    usage = openai_usage(body.get("usage") or {})
    first = body["choices"][0]
    reason = first.get("finish_reason") or "stop"
    if reason == "content_filter":
        return filtered_answer(usage)
    return Answer(body, usage, "refusal" if first["message"].get("refusal") else reason)


def openai_usage(told: Mapping[str, Any]) -> Usage:
    """Normalised usage: OpenAI counts cached tokens inside of `prompt_tokens`."""
    prompt = told.get("prompt_tokens_details") or {}
    output = told.get("completion_tokens_details") or {}
    read, written = prompt.get("cached_tokens") or 0, prompt.get("cache_write_tokens") or 0
    return Usage(
        input_uncached=max(0, (told.get("prompt_tokens") or 0) - read - written),
        cache_read=read,
        cache_write_5m=written,
        output=told.get("completion_tokens") or 0,
        reasoning=output.get("reasoning_tokens") or 0,
    )


class OpenAiReader:
    """Reads `chat.completion.chunk`s; puts the whole `chat.completion` together on the way."""

    def __init__(self) -> None:
        self.ended = False
        self._events = SseParser()
        self._error: ErrorReport | None = None
        self._head: dict[str, Any] = {}
        self._told_usage: dict[str, Any] | None = None
        self._reason: str | None = None
        self._texts: dict[str, list[str]] = {}
        self._tools: dict[int, dict[str, Any]] = {}
        self._logprobs: list[Any] = []

    @property
    def usage(self) -> Usage | None:
        """The provider tells usage in the last chunk, so a cut stream has none."""
        return openai_usage(self._told_usage) if self._told_usage else None

    def feed(self, received: bytes) -> list[Delta]:
        """The deltas that `received` completes; those without news are left out."""
        deltas = []
        for event in self._events.feed(received):
            if event == b"[DONE]":
                self.ended = True
            elif (delta := self._chunk(from_json(event))) is not None:
                deltas.append(delta)
        return deltas

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer; a stream without its end mark counts if reason and usage have come."""
        if self._error is not None:
            return self._error
        if self._reason is None or not (self.ended or self._told_usage):
            return truncated_stream(self.usage)
        return openai_answer(self._whole())

    def _chunk(self, chunk: dict[str, Any]) -> Delta | None:
        if "error" in chunk:
            self._error, self.ended = error_in_stream(chunk), True
            return None
        if not self._head and chunk.get("id"):
            self._head = {name: chunk.get(name) for name in ("id", "created", "model")}
        if chunk.get("service_tier"):
            self._head["service_tier"] = chunk["service_tier"]
        if chunk.get("usage"):
            self._told_usage = chunk["usage"]
        return self._choice(chunk["choices"][0]) if chunk.get("choices") else None

    def _choice(self, choice: dict[str, Any]) -> Delta | None:
        self._reason = choice.get("finish_reason") or self._reason
        if choice.get("logprobs"):
            self._logprobs += choice["logprobs"].get("content") or ()
        delta: Delta = {name: value for name, value in choice["delta"].items() if value is not None}
        for name, value in delta.items():
            if name == "tool_calls":
                self._tool_calls(value)
            elif name != "role":
                self._texts.setdefault(name, []).append(value)
        return delta or None

    def _tool_calls(self, pieces: list[dict[str, Any]]) -> None:
        for piece in pieces:
            made = self._tools.setdefault(
                piece.get("index", len(self._tools)),
                {"id": None, "type": "function", "function": {"name": "", "arguments": ""}},
            )
            made["id"] = piece.get("id") or made["id"]
            function = piece.get("function") or {}
            made["function"]["name"] += function.get("name") or ""
            made["function"]["arguments"] += function.get("arguments") or ""

    def _whole(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message |= {name: _joined(pieces) for name, pieces in self._texts.items()}
        if self._tools:
            message["tool_calls"] = [self._tools[index] for index in sorted(self._tools)]
            message["content"] = message["content"] or None
        choice = {"index": 0, "message": message, "finish_reason": self._reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._told_usage or {},
        }


def _joined(pieces: list[Any]) -> Any:  # noqa: ANN401 - text, or what a server's own field holds
    """Text pieces as one text; anything else keeps its last value."""
    return "".join(pieces) if all(isinstance(piece, str) for piece in pieces) else pieces[-1]
