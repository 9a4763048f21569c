"""Reading as the shell reads: a stream's ending, and what was said by then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.providers.base.dialect import MALFORMED, Answer, Delta, Dialect
from workers.providers.base.error_report import ErrorReport

_NOT_SAID: Final = {"role", "thinking_blocks", "id", "index", "type", "object"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How the reading of a stream ended: its kind, and what was said by then."""

    kind: str
    answer: Answer | None
    deltas: list[Delta]


def read(dialect: Dialect, chunks: Sequence[bytes]) -> Ending:
    """Reads as the shell does. Raises what the shell doesn't know."""
    reader = dialect.stream_reader()
    deltas: list[Delta] = []
    try:
        for chunk in chunks:
            if reader.ended:
                break
            deltas.extend(reader.feed(chunk))
        deltas.extend(reader.close())
        result = reader.result()
    except MALFORMED:
        return Ending("malformed", None, deltas)
    match result:
        case Answer():
            return Ending("answer", result, deltas)
        case ErrorReport():
            return Ending("error told", None, deltas)
        case _:
            return Ending(type(result).__name__, None, deltas)


def said(message: Mapping[str, Any]) -> int:
    """Characters that a message says, under whatever name; a thought's copy isn't counted."""
    return sum(_size(value) for name, value in message.items() if name not in _NOT_SAID)


def _size(value: object) -> int:
    match value:
        case str():
            return len(value)
        case dict():
            return said(value)
        case list():
            return sum(map(_size, value))
        case _:
            return 0


def message_of(answer: Answer) -> dict[str, Any]:
    """The message of an answer."""
    message: dict[str, Any] = answer.body["choices"][0]["message"]
    return message


def spoken(deltas: Sequence[Delta]) -> tuple[str, str, dict[int, str]]:
    """What was said in pieces: text, thoughts, arguments by the tool call's index."""
    texts, thoughts, arguments = [], [], dict[int, str]()
    for delta in deltas:
        texts.append(text_of(delta.get("content")))
        thoughts.append(text_of(delta.get("reasoning_content")))
        for call in delta.get("tool_calls") or ():
            index = call["index"]
            piece = call["function"].get("arguments") or ""
            arguments[index] = arguments.get(index, "") + piece
    return "".join(texts), "".join(thoughts), arguments


def text_of(value: object) -> str:
    """`value` if it is a text, else none."""
    return value if isinstance(value, str) else ""
