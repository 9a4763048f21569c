"""Feature extraction: what is known of a request before any model sees it?

Bounded: under 0.3 ms for 1 kB, and no more than a few milliseconds for any size. A `Features` holds
nothing of the prompt: it can be logged.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from producers.contract import EmbeddingsInput, Request
from router.text import languages
from router.text.lexical_counts import LexicalCounts, lexical_counts
from router.text.task_cues import Task
from router.text.task_recognition import recognise_task
from router.text.tokenizer import token_estimate, tokenize
from runtime.config.catalog import Capability

_LIMITING: Final = "must should exactly only least most without never ensure avoid include limit"
_CONSTRAINTS: Final = frozenset(_LIMITING.split())
_FENCE: Final = re.compile(r"```.*?(?:```|\Z)|^>.*$|^\|.*\|$", re.DOTALL | re.MULTILINE)
_QUOTES: Final = ("```", "\n>", "\n|")
_ENOUGH: Final = 64
"""Tokens of user turns that are judged at least: "yes, go on" is judged by what it follows."""

_REMEMBERED: Final = 2_048
_MOST_CHARACTERS: Final = 4_000
"""Of a text that is remembered: prompts that repeat are mostly short, and memory has its price."""

_MESSAGE_OVERHEAD: Final = 4
_IMAGE_TOKENS: Final = 1_000
_DEFAULT_OUTPUT: Final = 500


@dataclass(frozen=True, slots=True)
class Features:
    """A request in figures. Sizes in tokens (estimated), shares 0..1."""

    task: Task
    """The recognised kind of work."""

    declared_task: str | None
    """The kind of work that the caller names."""

    languages: tuple[str, ...]
    """ISO 639-1 codes, the likeliest first; empty: can't tell."""

    tokens: int
    """Of the whole prompt."""

    system_tokens: int
    context_tokens: int
    """Of everything before the turn to answer and quoted in it."""

    question_tokens: int
    """Of the turn to answer."""

    output_tokens: int
    """What the answer may take: the caller's limit, else a usual length."""

    turns: int
    constraints: int
    """Words that limit the answer, such as "exactly"."""

    pleas: int
    """Sentences that argue for a better model; they are not judged."""

    structure: Literal["text", "json", "json_schema"]
    needs: frozenset[Capability]
    surface: LexicalCounts


@dataclass(frozen=True, slots=True)
class _Traits:
    """What follows from the text to judge alone; the fields are those of `Features`."""

    task: Task
    languages: tuple[str, ...]
    question_tokens: int
    constraints: int
    pleas: int
    surface: LexicalCounts


def extract_features(request: Request) -> Features:
    """The features of `request`; never fails, whatever its text is."""
    messages = [(str(m["role"]), _text(m.get("content"))) for m in request.body.messages]
    sizes = [token_estimate(text) + _MESSAGE_OVERHEAD for _, text in messages]
    traits = _traits(_turns_to_judge(messages), tools=bool(request.body.tools))
    images = sum(_images(m.get("content")) for m in request.body.messages)
    total = sum(sizes) + images * _IMAGE_TOKENS + _size_of(request.body.tools)
    if request.body.embeddings is not None:
        total = _longest_input(request.body.embeddings)
    return Features(
        task=traits.task,
        declared_task=request.routing.task,
        languages=traits.languages,
        tokens=total,
        system_tokens=sum(n for n, (role, _) in zip(sizes, messages, strict=True) if _rules(role)),
        context_tokens=max(0, total - traits.question_tokens),
        question_tokens=traits.question_tokens,
        output_tokens=_output_tokens(request),
        turns=sum(role == "user" for role, _ in messages),
        constraints=traits.constraints,
        pleas=traits.pleas,
        structure=_structure(request.body.response_format),
        needs=frozenset(_needs(request, images)),
        surface=traits.surface,
    )


def _traits(text: str, *, tools: bool) -> _Traits:
    """A prompt that came lately isn't read again: where a cache pays, prompts repeat."""
    if len(text) > _MOST_CHARACTERS:
        return _read_traits(text, tools)
    return _remembered_traits(text, tools)


def _read_traits(text: str, tools: bool) -> _Traits:  # noqa: FBT001 (internal)
    tokenized = tokenize(text)
    surface = lexical_counts(tokenized)
    return _Traits(
        task=recognise_task(tokenized, surface, tools=tools),
        languages=languages.detect_languages(tokenized),
        question_tokens=token_estimate(_without_quotes(tokenized.text)),
        constraints=sum(map(_CONSTRAINTS.__contains__, tokenized.words)),
        pleas=tokenized.pleas,
        surface=surface,
    )


_remembered_traits: Final = lru_cache(_REMEMBERED)(_read_traits)


def _turns_to_judge(messages: list[tuple[str, str]]) -> str:
    """The last user turn, with those before it while there is too little to judge."""
    judged: list[str] = []
    size = 0
    for role, text in reversed(messages):
        if role != "user":
            continue
        judged.append(text)
        size += token_estimate(text)
        if size >= _ENOUGH:
            break
    return "\n".join(reversed(judged))


def _without_quotes(text: str) -> str:
    """The text less code blocks, quoted lines and tables."""
    return _FENCE.sub("", text) if any(mark in text for mark in _QUOTES) else text


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
    if request.body.embeddings is not None:
        yield "embeddings"
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
    if body.embeddings is not None:
        return 0
    return body.max_completion_tokens or body.max_tokens or _DEFAULT_OUTPUT


def _size_of(tools: list[dict[str, Any]] | None) -> int:
    return sum(len(str(tool)) // 4 for tool in tools or ())


def _longest_input(embeddings: EmbeddingsInput) -> int:
    """Tokens: each input has the model's context window for itself."""
    sizes = (
        token_estimate(each) if isinstance(each, str) else len(each) for each in embeddings["input"]
    )
    return max(sizes, default=0)


def _rules(role: str) -> bool:
    return role in ("system", "developer")
