"""OpenAI answers: a `chat.completion`, or its chunks, whatever shape a server gives them.

Servers that speak OpenAI's dialect differ in what a careful client has to bear: content in parts,
chunks without a delta, errors with status 200, streams without an end mark. All pieces are kept, in
the order in which they came.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from producers.contract import Usage
from runtime import limits
from workers.providers.base.call_outcome import Failure
from workers.providers.base.dialect import (
    MALFORMED,
    Answer,
    Delta,
    filtered_answer,
    truncated_stream,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.finish_reasons import openai_reason, weightier
from workers.providers.base.json_values import StreamedJson, mapping_of
from workers.providers.errors.classification import error_in_stream
from workers.providers.openai.embeddings import embeddings_answer
from workers.providers.openai.field_pieces import joined_texts
from workers.providers.openai.tool_call_pieces import (
    ToolCallPieces,
    arguments_text,
    call_and_function,
)
from workers.providers.openai.usage import openai_usage
from workers.providers.sse import END_OF_EVENT, SseParser

_DONE: Final = b"[DONE]"
_CHUNK: Final = "chat.completion.chunk"
_MOST_PARTS: Final = 4_096
"""Of one message: each is looked at several times."""
_REPORTS: Final = ("content_filter", "message", "logprobs")
"""How the names of a choice's objects begin, when it has no delta."""
_THOUGHTS: Final = ("reasoning_content", "reasoning", "thinking")
_TEXT: Final = (str, type(None))
_ODD: Final = {"reasoning", "thinking"}
_FAILED_ANSWER: Final = ErrorReport(500, ("error",), "the provider ended the answer with an error")


def openai_answer(body: object) -> Answer | ErrorReport | Failure:
    """The answer in a `chat.completion`; a filtered one is a failure that was billed.

    Some servers tell an error with status 200: it counts as the error that it is.
    """
    body = sole_object(body)
    if _tells_error(body):
        return error_in_stream(body)
    if "choices" not in body and "data" in body:
        return embeddings_answer(body)
    choices = [_whole_choice(choice) for choice in body["choices"]]
    usage = openai_usage(_usage_block(body))
    reason, message = choices[0]["finish_reason"], choices[0]["message"]
    if reason == "content_filter":
        return filtered_answer(usage)
    if reason == "error":
        return _FAILED_ANSWER
    refused = bool(message.get("refusal"))
    return Answer(body | {"choices": choices}, usage, "refusal" if refused else reason)


class OpenAiReader:
    """Reads `chat.completion.chunk`s; puts the whole `chat.completion` together on the way."""

    def __init__(self) -> None:
        self.ended = False
        self._events = SseParser()
        self._json = StreamedJson()
        self._error: ErrorReport | None = None
        self._head: dict[str, Any] = {}
        self._usage_block: Mapping[str, Any] | None = None
        self._reason: str | None = None
        self._pieces: dict[str, list[Any]] = {}
        self._calls = ToolCallPieces()
        self._logprobs: list[Any] = []

    @property
    def usage(self) -> Usage | None:
        """The provider tells usage in the last chunk, so a cut stream has none."""
        return openai_usage(self._usage_block) if self._usage_block else None

    def feed(self, received: bytes) -> Iterator[Delta]:
        """The deltas that `received` completes; those without news are left out."""
        return self._read(received)

    def close(self) -> Iterator[Delta]:
        """The deltas of a last event without its line's end; of a cut one there are none."""
        with suppress(*MALFORMED):
            yield from self._read(END_OF_EVENT)

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer; a stream without its end mark counts if its finish reason has come."""
        if self._error is not None:
            return self._error
        if self._reason is None:
            return truncated_stream(self.usage)
        return openai_answer(self._whole())

    def _read(self, received: bytes) -> Iterator[Delta]:
        for event in self._events.feed(received):
            if self.ended:  # how the bytes were split must not decide what counts
                return
            data = event.strip()
            if data == _DONE:
                self.ended = True
            elif data and (delta := self._chunk(self._json.read(data))) is not None:
                yield delta

    def _chunk(self, chunk: object) -> Delta | None:
        if not isinstance(chunk, dict):
            chunk = sole_object(chunk)
        if _tells_error(chunk):
            self._error, self.ended = error_in_stream(chunk), True
            return None
        if not self._head and chunk.get("id"):
            self._head = {name: chunk.get(name) for name in ("id", "created", "model")}
        if chunk.get("service_tier"):
            self._head["service_tier"] = chunk["service_tier"]
        choices = chunk.get("choices")
        if usage := _usage_block(chunk):
            self._usage_block = usage
        if choices:
            return self._choice(choices[0])
        if choices is None and chunk.get("object") == _CHUNK:
            raise ValueError("a chunk without choices")
        return None

    def _choice(self, choice: Mapping[str, Any]) -> Delta | None:
        if (reason := choice.get("finish_reason")) is not None:
            self._reason = weightier(self._reason, openai_reason(reason))
        if (report := choice.get("logprobs")) is not None:
            logprobs = mapping_of(report).get("content")
            self._logprobs += logprobs if isinstance(logprobs, list) else ()
        # Azure's filter reports come in choices without a delta, or with null for one; a whole
        # message in an event counts, unless it only repeats what came in pieces
        delta = choice.get("delta")
        if delta is None:
            _check_bare(choice)
            if not self._pieces:
                delta = choice.get("message")
            if delta is None and isinstance(choice.get("text"), str):
                delta = {"content": choice["text"]}  # of the older completions
        return self._delta(mapping_of(delta)) or None

    def _delta(self, given: Mapping[str, Any]) -> Delta:
        content, thoughts = given.get("content"), given.get("reasoning_content")
        texts = isinstance(content, _TEXT) and isinstance(thoughts, _TEXT)
        if not texts or not _ODD.isdisjoint(given):
            given = plain_content(given)
        delta: Delta = {}
        for name, value in given.items():
            if value is None:
                continue
            if name == "tool_calls":
                value = self._calls.add(value)  # noqa: PLW2901 - the same pieces, numbered
            elif name != "role":
                self._pieces.setdefault(name, []).append(value)
            delta[name] = value
        return delta

    def _whole(self) -> dict[str, Any]:
        if too_many := limits.PROVIDER_PIECES.refusal(len(self._pieces)):
            raise ValueError(too_many)
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message |= {name: joined_texts(pieces) for name, pieces in self._pieces.items()}
        if calls := self._calls.whole():
            functions = [call["function"] for call in calls if "function" in call]
            nameless = any(each["arguments"] and not each["name"] for each in functions)
            if nameless or self._calls.unreadable:
                raise ValueError("a tool call that came in part")
            message["tool_calls"] = calls
            message["content"] = message["content"] or None
        choice = {"index": 0, "message": message, "finish_reason": self._reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage_block or {},
        }


def plain_content(message: Mapping[str, Any]) -> dict[str, Any]:
    """`message` with its content and its thoughts as texts, under OpenAI's and DeepSeek's names.

    Mistral tells thoughts and texts as a list of parts; vLLM, Groq and OpenRouter call the thoughts
    `reasoning`, and some tell them under both names. Parts of other kinds stay, as `content_parts`.
    Raises ValueError.
    """
    plain = dict(message)
    thoughts = _thoughts_of(plain)
    content = message.get("content")
    if not (content is None or isinstance(content, str)):
        if isinstance(content, list) and len(content) > _MOST_PARTS:
            raise ValueError("a message of more parts than a model writes")
        texts, inner = _texts(content)
        if others := _other_parts(content):
            plain["content_parts"] = others
        thoughts += "".join(inner)
        plain["content"] = "".join(texts)
        if inner and not texts:
            del plain["content"]
    if thoughts:
        plain["reasoning_content"] = thoughts
    return plain


def _thoughts_of(message: dict[str, Any]) -> str:
    """Takes a message's thoughts out of it, in whatever form they are told."""
    thoughts = ""
    for name in _THOUGHTS:
        value = message.get(name)
        if value is None:
            continue
        said = value if isinstance(value, str) else "".join(chain(*_texts(value)))
        if said or isinstance(value, str):
            del message[name]
        thoughts = thoughts or said
    return thoughts


def _check_bare(choice: Mapping[str, Any]) -> None:
    """A choice without a delta holds reports. Raises ValueError for an object of another name.

    It may be the delta, and an answer without it would be a shorter one.
    """
    for name, value in choice.items():
        if isinstance(value, Mapping) and not name.startswith(_REPORTS):
            raise ValueError("a choice without a delta")


def _texts(content: object) -> tuple[list[str], list[str]]:
    """(texts, thoughts) of content in parts; parts of other kinds are in `_other_parts`.

    A part is known by its field, whatever its type is called. Raises ValueError for a known type
    without its field.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str(text) | {"text": str(text)}:
                texts.append(text)
            case bool():
                continue
            case int() | float():  # a text that some layer took for a number
                texts.append(str(part))
            case {"thinking": str(text)}:
                thoughts.append(text)
            case {"thinking": list(inner)}:
                thoughts += _texts(inner)[0]
            case {"type": "text" | "output_text" | "thinking", **rest} if not (
                rest.keys() & {"text", "thinking"}
            ):
                raise ValueError("a part without its text")
    return texts, thoughts


def _other_parts(content: object) -> list[Mapping[str, Any]]:
    """The parts that are neither text nor thought, such as pictures and references."""
    parts = content if isinstance(content, list) else [content]
    return [
        part
        for part in parts
        if isinstance(part, dict)
        and part
        and not isinstance(part.get("text"), str)
        and not isinstance(part.get("thinking"), str | list)
    ]


def _whole_choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    """A choice as OpenAI would have told it. Raises one of MALFORMED when it has no message."""
    told = choice.get("message") or choice.get("delta")
    if told is None and isinstance(choice.get("text"), str):  # of the older completions
        told = {"content": choice["text"]}
    if not isinstance(told, dict):
        raise TypeError("a choice without a message")
    message = plain_content(told)
    if not message.get("role"):
        message = {**message, "role": "assistant"}
    calls = message.get("tool_calls")
    if calls:
        given = calls if isinstance(calls, list) else [calls]
        message["tool_calls"] = [_whole_call(n, call) for n, call in enumerate(given)]
    reason = openai_reason(choice.get("finish_reason")) or "stop"
    return {**choice, "message": message, "finish_reason": reason}


def _whole_call(number: int, call: Mapping[str, Any]) -> dict[str, Any]:
    """A call in its own shape if its tool is a custom one. Raises ValueError without a name."""
    identity = call.get("id") or f"call_{number}"
    if isinstance(call.get("custom"), dict):
        return {**call, "id": identity}
    call, function = call_and_function(call)
    if not function.get("name"):
        raise ValueError("a tool call without a name")
    arguments = arguments_text(function.get("arguments"))
    return {
        **call,
        "id": identity,
        "type": "function",
        "function": {**function, "arguments": arguments},
    }


def sole_object(body: object) -> dict[str, Any]:
    """`body`, or the object in a list of one, as Gemini tells errors. Raises TypeError."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise TypeError("not an object")
    return body


def _usage_block(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage of a chunk or an answer; some servers put it into the choice, or elsewhere."""
    usage = body.get("usage")
    if usage:
        return mapping_of(usage)
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        usage = choices[0].get("usage")
    if not usage and "x_groq" in body:
        usage = mapping_of(body["x_groq"]).get("usage")
    return mapping_of(usage)


def _tells_error(body: Mapping[str, Any]) -> bool:
    """`error: null` is no error; some servers tell one with its fields at the top."""
    if body.get("error"):
        return True
    if body.get("choices"):
        return False
    if body.get("object") == "error":
        return True
    if "choices" in body:
        return False
    return isinstance(body.get("message") or body.get("detail"), str)
