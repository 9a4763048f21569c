"""Turn order: results behind their calls, no white space at the end of an answer that has begun."""

from collections.abc import Iterator, Sequence
from typing import Final

from workers.providers.blocks.parts import Part, TextPart, ToolResult, ToolUse, Turn

_NO_RESULT: Final = (TextPart("no result"),)
_UNMATCHED: Final = "tool calls without a result, or results without their call, were put right"


def put_right(turns: list[Turn], ends: dict[int, tuple[int, int]]) -> Iterator[str]:
    """Changes `turns` where the provider would answer 400, and warns of it.

    ends: of each message; where parts have moved, its turn's end.
    """
    if any(isinstance(part, ToolResult | ToolUse) for turn in turns for part in turn.parts):
        yield from _match_results(turns, ends)
    last = turns[-1].parts[-1]
    if turns[-1].role == "assistant" and isinstance(last, TextPart):
        text = last.text.rstrip()
        if text != last.text:
            turns[-1].parts[-1] = TextPart(text)
            yield "white space at the end of the begun answer was dropped"


def _match_results(turns: list[Turn], ends: dict[int, tuple[int, int]]) -> Iterator[str]:
    """The results of a turn's calls come first in the next turn; a call without any gets one."""
    changed = False
    called: list[str] = []
    for number, turn in enumerate(turns):
        parts = _with_results(turn, called)
        if parts != turn.parts:
            changed, turn.parts = True, parts
            moved = [index for index, place in ends.items() if place[0] == number]
            ends |= dict.fromkeys(moved, (number, len(parts) - 1))
        called = [part.id for part in turn.parts if isinstance(part, ToolUse)]
    if called:
        turns.append(Turn("user", [ToolResult(call_id, _NO_RESULT) for call_id in called]))
    if changed or called:
        yield _UNMATCHED


def _with_results(turn: Turn, called: Sequence[str]) -> list[Part]:
    """The turn's parts behind the results of `called`; results of no call become words."""
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    if not called and not results:
        return turn.parts
    given = {result.id: result for result in reversed(results) if result.id in called}
    missing = [call_id for call_id in called if call_id not in given]
    answers: list[Part] = [result for result in results if given.get(result.id) is result]
    answers += [ToolResult(call_id, _NO_RESULT) for call_id in missing]
    others: list[Part] = []
    for part in turn.parts:
        if not isinstance(part, ToolResult):
            others.append(part)
        elif given.get(part.id) is not part:
            others += part.content or _NO_RESULT
    return answers + others
