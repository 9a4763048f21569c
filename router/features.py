"""What is known of a request before any model sees it?

Pure and bounded: under 0.3 ms for 1 kB, and no more than a few milliseconds for any size. Nothing
here keeps the prompt: a `Features` can be logged.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from producers.messages import Request
from router import languages
from router.surface import Surface, excerpt, measure, tokens
from router.tasks import Task, recognise
from workers.catalog import Capability

_PLEA: Final = re.compile(
    r"[^.!?\n]{0,300}\b(?:(?:best|strongest|smartest|premium|most (?:capable|powerful|expensive))"
    r"(?: \w+)? (?:model|tier|ai|llm)|(?:very|really|extremely) (?:important|urgent|critical)"
    r"|max(?:imum)? (?:quality|effort))\b[^.!?\n]{0,300}(?:[.!?\n]+|$)",
    re.IGNORECASE,
)
_CONSTRAINT: Final = re.compile(
    r"\b(?:must|should|exactly|only|at (?:least|most)|no more than|without|do not|don't|never|"
    r"ensure|avoid|include|between|limit(?:ed)? to|in the style of|step[- ]by[- ]step)\b",
    re.IGNORECASE,
)
_FENCE: Final = re.compile(r"```.*?(?:```|\Z)|^>.*$|^\|.*\|$", re.DOTALL | re.MULTILINE)
_SHORT_TURN: Final = 12
"""Tokens under which a turn ("yes", "go on") says nothing: the turn before it is judged too."""

_MESSAGE_OVERHEAD: Final = 4
_IMAGE_TOKENS: Final = 1_000
_DEFAULT_OUTPUT: Final = 500


@dataclass(frozen=True, slots=True)
class Features:
    """A request in figures. Sizes in tokens (estimated), shares 0..1.

    question_tokens: the turn to answer; context_tokens: everything before it and quoted in it.
    output_tokens: what the answer may take: the caller's limit, else a usual length.
    pleas: sentences that argue for a better model; they are not judged.
    """

    task: Task
    declared_task: str | None
    languages: tuple[str, ...]
    tokens: int
    system_tokens: int
    context_tokens: int
    question_tokens: int
    output_tokens: int
    turns: int
    constraints: int
    pleas: int
    structure: Literal["text", "json", "json_schema"]
    needs: frozenset[Capability]
    surface: Surface


def extract(request: Request) -> Features:
    """The features of `request`; never fails, whatever its text is."""
    messages = [(str(m["role"]), _text(m.get("content"))) for m in request.body.messages]
    sizes = [tokens(text) + _MESSAGE_OVERHEAD for _, text in messages]
    asked = _turn_to_judge(messages)
    judged, pleas = _PLEA.subn("", excerpt(asked))
    surface = measure(judged)
    images = sum(_images(m.get("content")) for m in request.body.messages)
    total = sum(sizes) + images * _IMAGE_TOKENS + _size_of(request.body.tools)
    question = tokens(_FENCE.sub("", judged))
    return Features(
        task=recognise(judged, surface, tools=bool(request.body.tools)),
        declared_task=request.routing.task,
        languages=languages.detect(judged),
        tokens=total,
        system_tokens=sum(n for n, (role, _) in zip(sizes, messages, strict=True) if _rules(role)),
        context_tokens=max(0, total - question),
        question_tokens=question,
        output_tokens=_output_tokens(request),
        turns=sum(role == "user" for role, _ in messages),
        constraints=len(_CONSTRAINT.findall(judged)),
        pleas=pleas,
        structure=_structure(request.body.response_format),
        needs=frozenset(_needs(request, images)),
        surface=surface,
    )


def _turn_to_judge(messages: list[tuple[str, str]]) -> str:
    """The last user turn; with the one before it while it is too short to say anything."""
    turns = [text for role, text in messages if role == "user"]
    judged: list[str] = []
    for text in reversed(turns):
        judged.insert(0, text)
        if tokens(text) >= _SHORT_TURN:
            break
    return "\n".join(judged)


def _text(content: object) -> str:
    """The text of a message's content: a string, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n".join(part for part in parts if isinstance(part, str))


def _images(content: object) -> int:
    if not isinstance(content, list):
        return 0
    return sum(isinstance(p, Mapping) and "image" in str(p.get("type", "")) for p in content)


def _needs(request: Request, images: int) -> Iterator[Capability]:
    extra = request.body.model_extra or {}
    if request.body.tools:
        yield "tools"
    if images:
        yield "images"
    if _structure(request.body.response_format) == "json_schema":
        yield "json_schema"
    if extra.get("logprobs"):
        yield "logprobs"
    if extra.get("reasoning_effort") not in (None, "none", "minimal"):
        yield "reasoning"


def _structure(response_format: dict[str, Any] | None) -> Literal["text", "json", "json_schema"]:
    match (response_format or {}).get("type"):
        case "json_schema":
            return "json_schema"
        case "json_object":
            return "json"
        case _:
            return "text"


def _output_tokens(request: Request) -> int:
    body = request.body
    return body.max_completion_tokens or body.max_tokens or _DEFAULT_OUTPUT


def _size_of(tools: list[dict[str, Any]] | None) -> int:
    return sum(len(str(tool)) // 4 for tool in tools or ())


def _rules(role: str) -> bool:
    return role in ("system", "developer")
