"""Native parts of Anthropic's interface: the caller's own blocks out, the model's own blocks back.

Where a caller speaks Anthropic's interface too, what OpenAI's shape would lose goes onto the wire
as it came. An answer's blocks come back in their order whenever OpenAI's shape loses something.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producers.contract import AnthropicParts
from producers.contract.codec import MAX_ANSWER_MARKS
from workers.providers.base.json_in_turns import read_answer_json

_KEPT: Final = frozenset({"model", "stream", "max_tokens", "messages", "system", "tools"})
"""What the deployment and the limits decide, or has a place of its own."""
_REASONS: Final = ("stop_sequence", "pause_turn", "model_context_window_exceeded")
"""Why an answer ended, where OpenAI has no word for it."""
_ORDER: Final[Mapping[str, int]] = {
    "thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2,
}  # fmt: skip
_PIECES: Final = frozenset({"text", "thinking", "signature", "partial_json", "content"})
_MOST: Final = 4_096
"""Blocks of one answer that are kept."""


def with_native(body: Mapping[str, Any], parts: AnthropicParts) -> dict[str, Any]:
    """The body with the caller's own blocks; limits, tool choice and thinking as translated."""
    fields = parts.get("fields", {})
    own = {name: value for name, value in fields.items() if name not in _KEPT}
    blocks: dict[str, Any] = {"messages": parts["messages"]}
    for name in ("system", "tools"):
        if name in parts:
            blocks[name] = parts[name]
    return {**body, **own, **blocks}


def beta_headers(parts: AnthropicParts) -> dict[str, str]:
    """The header that switches betas on."""
    betas = parts.get("betas")
    return {"anthropic-beta": ",".join(betas)} if betas else {}


class NativeBlocks:
    """The blocks of one answer, as they come."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}
        self._citations: dict[int, list[Any]] = {}
        self._odd = False

    def begin(self, index: object, block: Mapping[str, Any]) -> None:
        """A block as far as it is told."""
        if not isinstance(index, int) or index in self._blocks or len(self._blocks) >= _MOST:
            self._odd = True
        else:
            self._blocks[index] = dict(block)

    def grow(self, index: object, delta: Mapping[str, Any]) -> None:
        """A piece of it."""
        if not isinstance(index, int) or index not in self._blocks:
            self._odd = True
            return
        for name, piece in delta.items():
            if name in _PIECES:
                if isinstance(piece, str):
                    pieces = self._texts.get((index, name))
                    if pieces is None:
                        pieces = self._texts[index, name] = []
                    pieces.append(piece)
            elif name == "citation" and isinstance(piece, dict):
                self._cite(index, piece)

    def _cite(self, index: int, citation: Mapping[str, Any]) -> None:
        known = self._citations.get(index)
        if known is None:
            block = self._blocks[index]
            known = self._citations[index] = list(block.get("citations") or ())
            block["citations"] = known
        known.append(citation)

    def blocks(self) -> list[dict[str, Any]] | None:
        """All of them; None where a server has numbered them in a way of its own."""
        if self._odd:
            return None
        for (index, name), pieces in self._texts.items():
            block = self._blocks[index]
            text = "".join(pieces)
            if name != "partial_json":
                block[name] = f"{block.get(name) or ''}{text}"
                continue
            try:
                block["input"] = read_answer_json(text.encode() or b"{}", MAX_ANSWER_MARKS)
            except ValueError:  # cut by a limit: the call is told as text, as any other
                return None
        self._texts = {}
        return [self._blocks[index] for index in sorted(self._blocks)]


def native_answer(
    blocks: Sequence[Any] | None, reason: object, sequence: object
) -> dict[str, Any] | None:
    """The message's `anthropic`; None where OpenAI's shape has it all."""
    if not blocks or not all(isinstance(block, Mapping) for block in blocks):
        return None
    kinds = [block.get("type") for block in blocks]
    ranks = [_ORDER.get(kind, -1) if isinstance(kind, str) else -1 for kind in kinds]
    cited = any(block.get("citations") for block in blocks)
    plain = -1 not in ranks and ranks == sorted(ranks) and not cited and kinds.count("text") <= 1
    if plain and reason not in _REASONS:
        return None
    return {"content": list(blocks), "stop_reason": reason, "stop_sequence": sequence}
