"""Content blocks in a stream: which of the answer's thoughts and native blocks has the caller got?

Thoughts and the blocks of tools that a provider runs itself come under a chunk's `anthropic`; text
and calls come as in any stream. When another worker takes the stream over, its thoughts may differ:
before the answer begins they are told anew, as further blocks (the void ones stay without a
signature); later they are left out. Anything else that differs ends the stream.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gateway.answers.stream_progress import AnswerProgress, Diverged, Piece, TextPiece
from producers.contract import Chunk, message_deltas

_THOUGHTS: Final = ("thinking", "redacted_thinking")
_REASONING: Final = "reasoning_content"
UNSIGNED_THOUGHT: Final[Mapping[str, Any]] = {"type": "thinking", "thinking": "", "signature": ""}


@dataclass(frozen=True, slots=True)
class BlockBegin:
    """A block begins, as Anthropic's interface tells it."""

    block: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BlockDelta:
    """A piece of the block that has begun last, as Anthropic's interface tells it."""

    delta: Mapping[str, Any]


BlockPiece: TypeAlias = Piece | BlockBegin | BlockDelta


@dataclass(slots=True)
class _Thought:
    begin: Mapping[str, Any]
    signature: str = ""
    _pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Joined where it has to be compared."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def grow(self, text: str) -> None:
        """More of it."""
        self._pieces.append(text)

    @property
    def identity(self) -> object:
        """What two tellings of one thought have in common; of an encrypted one that is all."""
        return self.begin.get("data") or self.begin.get("type")


@dataclass(slots=True)
class _Blocks:
    """What OpenAI's shape has no place for, in the order of its coming."""

    thoughts: list[_Thought] = field(default_factory=list)
    others: list[BlockBegin | BlockDelta] = field(default_factory=list)


class MessageProgress:
    """One answer as it reaches one caller of Messages."""

    def __init__(self, *, unsigned: bool) -> None:
        """unsigned: whether thoughts that nobody has signed are shown too."""
        self._unsigned = unsigned
        self._answer = AnswerProgress()
        self._sent = _Blocks()
        self._said = _Blocks()
        self._answered = False
        """Whether words or calls have been passed on."""
        self._has_heir = False
        """Whether another worker tells the stream, and not only its end."""
        self._thoughts_late = False
        """Whether the run's thoughts come too late."""
        self._withheld: list[BlockPiece] = []
        """A thought that may not be signed, for a caller who didn't ask for any."""

    def advance(self, chunk: Chunk) -> Sequence[BlockPiece] | Diverged:
        """What to pass on now that `chunk` has come."""
        self._has_heir = self._has_heir or self._answer.begins(chunk.run)
        step = self._add(chunk.run, chunk.delta)
        return step if isinstance(step, Diverged) else self._shown(step)

    def finish(self, message: Mapping[str, Any]) -> Sequence[BlockPiece] | Diverged:
        """What is left to pass on of the final reply's `message`."""
        step = self._rest(message)
        return step if isinstance(step, Diverged) else self._shown(step)

    def _shown(self, pieces: Sequence[BlockPiece]) -> Sequence[BlockPiece]:
        """Without the thoughts that nobody signed, unless those are shown too."""
        if self._unsigned:
            return pieces
        shown: list[BlockPiece] = []
        for piece in pieces:
            match piece:
                case BlockBegin({"type": "thinking"}):
                    self._withheld = [piece]
                case BlockDelta({"type": "thinking_delta"}):
                    self._withheld.append(piece)
                case BlockDelta({"type": "signature_delta"}):
                    shown += [*self._withheld, piece]
                    self._withheld = []
                case _:
                    self._withheld = []
                    shown.append(piece)
        return shown

    def _rest(self, message: Mapping[str, Any]) -> Sequence[BlockPiece] | Diverged:
        """All that wasn't passed on of it."""
        final, deltas = _Blocks(), list(message_deltas(message))
        for delta in deltas:
            list(self._apply(final, delta))
        pieces: list[BlockPiece] = []
        if not self._answered or not self._has_told(final, message):
            step = self._play(deltas)
            if isinstance(step, Diverged):
                return step
            pieces += step
            if self._others_lag():
                return Diverged()
        rest = self._answer.finish(message)
        return rest if isinstance(rest, Diverged) else [*pieces, *_answering(rest)]

    def _has_told(self, final: _Blocks, message: Mapping[str, Any]) -> bool:
        """Whether all was told; or all words, by a worker that tells no native blocks.

        The worker is of the version before, and what it left out has no place any more.
        """
        if _outline(self._sent) == _outline(final):
            return True
        return not self._sent.others and self._answer.text == (message.get("content") or "")

    def _play(self, deltas: Sequence[Mapping[str, Any]]) -> Sequence[BlockPiece] | Diverged:
        """The whole answer, as if one more run told it."""
        run, pieces = (self._answer.run or 0) + 1, list[BlockPiece]()
        for delta in deltas:
            if "refusal" not in delta:
                step = self._add(run, delta)
                if isinstance(step, Diverged):
                    return step
                pieces += step
        return pieces

    def _add(self, run: int, delta: Mapping[str, Any]) -> Sequence[BlockPiece] | Diverged:
        if self._answer.begins(run):
            self._said, self._thoughts_late = _Blocks(), False
        step = self._answer.add(run, delta)
        if isinstance(step, Diverged):
            return step
        pieces: Sequence[BlockPiece] | Diverged = ()
        if "anthropic" in delta or _REASONING in delta:
            pieces = self._natively(delta)
        if isinstance(pieces, Diverged):
            return pieces
        said = _answering(step)
        if said and self._others_lag():
            return Diverged()  # their place is before blocks that were sent
        self._answered = self._answered or bool(said or self._sent.others)
        return [*pieces, *said]

    def _others_lag(self) -> bool:
        """Whether native blocks were sent that the run which took over hasn't said (yet)."""
        return self._has_heir and len(self._said.others) < len(self._sent.others)

    def _natively(self, delta: Mapping[str, Any]) -> Sequence[BlockPiece] | Diverged:
        """What to pass on of thoughts and native blocks."""
        if not self._answer.taken_over:
            return list(self._apply(self._sent, delta))
        list(self._apply(self._said, delta))
        others = self._catch_up_others()
        return others if isinstance(others, Diverged) else [*self._catch_up_thoughts(), *others]

    def _apply(self, blocks: _Blocks, delta: Mapping[str, Any]) -> Iterator[BlockPiece]:
        """Adds to the blocks what a delta says of them, and tells it."""
        native, text = delta.get("anthropic"), delta.get(_REASONING)
        native = native if isinstance(native, Mapping) else {}
        if isinstance(block := native.get("block"), Mapping):
            yield _begin(blocks, block)
        if isinstance(text, str) and text:
            if not blocks.thoughts and self._unsigned:
                yield _begin(blocks, UNSIGNED_THOUGHT)
            if blocks.thoughts and not blocks.thoughts[-1].signature:
                blocks.thoughts[-1].grow(text)
                yield BlockDelta({"type": "thinking_delta", "thinking": text})
        if isinstance(piece := native.get("delta"), Mapping):
            yield _grow(blocks, piece)

    def _catch_up_others(self) -> Sequence[BlockPiece] | Diverged:
        sent, said = self._sent.others, self._said.others
        if any(had != has for had, has in zip(sent, said, strict=False)):
            return Diverged()
        rest = said[len(sent) :]
        if rest and self._answer.lags:
            return Diverged()  # their place is before words that were sent
        sent += rest
        return rest

    def _catch_up_thoughts(self) -> Iterator[BlockPiece]:
        for number, thought in enumerate(self._said.thoughts):
            ended = number < len(self._said.thoughts) - 1 or bool(thought.signature)
            had = self._sent.thoughts[number : number + 1]
            if had and not _goes_on(had[0], thought, ended=ended):
                self._thoughts_late = self._thoughts_late or self._answered
                if self._thoughts_late:
                    return
                del self._sent.thoughts[number:]
                had = []
            if not had:
                self._thoughts_late = self._thoughts_late or self._answer.lags
                if self._thoughts_late:
                    return
                had = [_Thought(thought.begin)]
                self._sent.thoughts += had
                yield BlockBegin(thought.begin)
            yield from _rest_of(had[0], thought)


def _answering(pieces: Sequence[Piece]) -> list[Piece]:
    """Without the thoughts, which come as blocks."""
    return [p for p in pieces if not (isinstance(p, TextPiece) and p.kind == _REASONING)]


def _begin(blocks: _Blocks, block: Mapping[str, Any]) -> BlockBegin:
    begin = BlockBegin(block)
    if block.get("type") in _THOUGHTS:
        blocks.thoughts.append(_Thought(block))
    else:
        blocks.others.append(begin)
    return begin


def _grow(blocks: _Blocks, piece: Mapping[str, Any]) -> BlockDelta:
    delta, signature = BlockDelta(piece), piece.get("signature")
    if not isinstance(signature, str):
        blocks.others.append(delta)
    elif blocks.thoughts:
        blocks.thoughts[-1].signature += signature
    return delta


def _goes_on(sent: _Thought, said: _Thought, *, ended: bool) -> bool:
    """Whether `said` can be what was `sent`, or more of it."""
    if sent.identity != said.identity:
        return False
    return said.text.startswith(sent.text) or (not ended and sent.text.startswith(said.text))


def _rest_of(sent: _Thought, said: _Thought) -> Iterator[BlockDelta]:
    """What makes `sent` what `said` is; a signature that was told stays."""
    if text := said.text[len(sent.text) :]:
        sent.grow(text)
        yield BlockDelta({"type": "thinking_delta", "thinking": text})
    if said.signature.startswith(sent.signature) and said.text == sent.text:
        signature = said.signature[len(sent.signature) :]
        sent.signature = said.signature
        if signature:
            yield BlockDelta({"type": "signature_delta", "signature": signature})


def _outline(blocks: _Blocks) -> tuple[list[object], int]:
    """The native blocks' types and the number of citations: the same however they are cut.

    Texts beside one another may be one text in the final answer.
    """
    kinds = [o.block.get("type") for o in blocks.others if isinstance(o, BlockBegin)]
    begun = [kind for kind in kinds if kind != "text"]
    pieces = [o.delta for o in blocks.others if isinstance(o, BlockDelta)]
    return begun, sum("citation" in piece for piece in pieces)
