"""Stream progress: what a caller already has of an answer, and what a chunk adds to it.

An event that was sent can't be taken back. When another worker takes the stream over (a higher
`run`), its answer is passed on only from where it goes beyond what was sent; if it says something
else, the stream has to end with an error. The final reply is the truth: whatever of it no chunk has
told is passed on at the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from producers.contract import Chunk

TextKind: TypeAlias = Literal["content", "reasoning_content", "refusal"]


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Text to append, of one kind."""

    kind: TextKind
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallBegin:
    """A tool call begins. index: dense from 0."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallArguments:
    """More of a begun tool call's arguments (JSON text)."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Diverged:
    """The answer doesn't begin with what the caller already has."""


Piece: TypeAlias = TextPiece | ToolCallBegin | ToolCallArguments


@dataclass(slots=True)
class _ToolCall:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _Answer:
    texts: dict[TextKind, list[str]] = field(default_factory=dict)
    """The pieces of each kind: an answer of many is joined when it has to be compared."""
    tools: list[_ToolCall] = field(default_factory=list)
    places: dict[int, _ToolCall] = field(default_factory=dict)
    """The provider's numbering, which may have gaps or use a number twice."""

    def text(self, kind: TextKind) -> str:
        pieces = self.texts.get(kind)
        if pieces is None:
            return ""
        if len(pieces) > 1:
            pieces[:] = ["".join(pieces)]
        return pieces[0]

    def append(self, kind: TextKind, text: str) -> None:
        pieces = self.texts.get(kind)
        if pieces is None:
            self.texts[kind] = [text]
        else:
            pieces.append(text)

    def tool_at(self, place: object, call_id: str) -> _ToolCall:
        call = self.places.get(place) if isinstance(place, int) else None
        if call is None and not isinstance(place, int) and self.tools and not call_id:
            call = self.tools[-1]
        if call is None or (call_id and call.id and call.id != call_id):
            call = _ToolCall()
            self.tools.append(call)
            if isinstance(place, int):
                self.places[place] = call
        return call


_ANSWERING: tuple[TextKind, ...] = ("content", "refusal")
_KINDS: tuple[TextKind, ...] = ("reasoning_content", *_ANSWERING)


class AnswerProgress:
    """One choice of one answer, as it reaches one caller."""

    def __init__(self) -> None:
        self.run: int | None = None
        """The last one that was heard."""
        self.taken_over = False
        """Another run has begun, so that what is said may differ from what was sent."""
        self._sent = _Answer()
        self._said = _Answer()

    @property
    def text(self) -> str:
        """The words that were sent."""
        return self._sent.text("content")

    @property
    def lags(self) -> bool:
        """Whether words or calls were sent that the last run hasn't said yet."""
        sent, said = self._sent, self._said
        return len(said.text("content")) < len(self.text) or len(said.tools) < len(sent.tools)

    def begins(self, run: int) -> bool:
        """Whether this run takes the stream over from the last one."""
        return self.run is not None and run > self.run

    def advance(self, chunk: Chunk) -> Sequence[Piece] | Diverged:
        """What to pass on now that `chunk` has come."""
        return self.add(chunk.run, chunk.delta)

    def add(self, run: int, delta: Mapping[str, Any]) -> Sequence[Piece] | Diverged:
        """What to pass on now that a run has told this."""
        if self.begins(run):
            self._said, self.taken_over = _Answer(), True
        self.run = run
        if self.taken_over:
            _apply(self._said, delta)
            return self._catch_up(final=False)
        pieces: list[Piece] = []
        for kind in _KINDS:
            text = delta.get(kind)
            if isinstance(text, str) and text:
                self._sent.append(kind, text)
                self._said.append(kind, text)
                pieces.append(TextPiece(kind, text))
        if calls := delta.get("tool_calls"):
            _apply_calls(self._said, calls)
            pieces += _called(self._sent, self._said)
        return pieces

    def finish(self, message: Mapping[str, Any]) -> Sequence[Piece] | Diverged:
        """What is left to pass on of the final reply's `message`."""
        self._said = _Answer()
        calls = enumerate(message.get("tool_calls") or ())
        numbered = [{**call, "index": number} for number, call in calls]
        _apply(self._said, {**message, "tool_calls": numbered})
        if self._sent.text("content") and not self._said.text("content"):
            # told as content piece by piece, and as a refusal once it was known to be one
            self._said.texts["content"] = [self._said.text("refusal")]
            self._said.texts.pop("refusal", None)
        return self._catch_up(final=True)

    def _catch_up(self, *, final: bool) -> Sequence[Piece] | Diverged:
        if _contradicts(self._sent, self._said, final=final):
            return Diverged()
        return list(_difference(self._sent, self._said))


def whole_message(message: Mapping[str, Any]) -> Sequence[Piece]:
    """All pieces of a message that nothing was sent of."""
    pieces = AnswerProgress().finish(message)
    return () if isinstance(pieces, Diverged) else pieces


def _apply(answer: _Answer, delta: Mapping[str, Any]) -> None:
    for kind in _KINDS:
        text = delta.get(kind)
        if isinstance(text, str) and text:
            answer.append(kind, text)
    _apply_calls(answer, delta.get("tool_calls") or ())


def _apply_calls(answer: _Answer, calls: Iterable[Mapping[str, Any]]) -> None:
    for call in calls:
        function = call.get("function") or {}
        tool = answer.tool_at(call.get("index"), call.get("id") or "")
        tool.id = tool.id or call.get("id") or ""
        tool.name = tool.name or function.get("name") or ""
        tool.arguments += function.get("arguments") or ""


def _contradicts(sent: _Answer, said: _Answer, *, final: bool) -> bool:
    """Whether `said` can't go on from `sent`. Reasoning is no part of the answer."""
    pairs = [(sent.text(kind), said.text(kind)) for kind in _ANSWERING]
    if final and len(said.tools) < len(sent.tools):
        return True
    for had, has in zip(sent.tools, said.tools, strict=False):
        if had.name != has.name and (has.name or final):
            return True
        pairs.append((had.arguments, has.arguments))
    return any(not has.startswith(had) and (final or not had.startswith(has)) for had, has in pairs)


def _difference(sent: _Answer, said: _Answer) -> Iterator[Piece]:
    """The pieces that make `sent` what `said` is, as far as it is ahead; `sent` becomes it."""
    for kind in _KINDS:
        text = said.text(kind)[len(sent.text(kind)) :]
        if text and said.text(kind).startswith(sent.text(kind)):
            sent.append(kind, text)
            yield TextPiece(kind, text)
    yield from _called(sent, said)


def _called(sent: _Answer, said: _Answer) -> Iterator[Piece]:
    """The same of the tool calls alone."""
    for index, tool in enumerate(said.tools):
        if index == len(sent.tools):
            if not tool.name:
                return  # a call begins with its name
            tool.id = tool.id or f"call_{index}"
            sent.tools.append(_ToolCall(tool.id, tool.name))
            yield ToolCallBegin(index, tool.id, tool.name)
        had = sent.tools[index]
        rest = tool.arguments[len(had.arguments) :]
        if rest:
            had.arguments += rest
            yield ToolCallArguments(index, rest)
