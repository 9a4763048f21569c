"""Simulated answers: what the model says.

Deterministic for a seed and a request. A scripted answer wins, then a tool call, then JSON that
satisfies the schema, then made-up prose which says that it comes from a simulator.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from .exchange import Answered, Asked, ToolCall, tokens

NOTICE = "[simulated answer]"
_PROSE = (
    "the answer depends on how a request travels through its queue and which model is able to "
    "serve it at the lowest price with enough quality so we measure first and then decide what "
    "to change because a number that was not measured helps nobody"
)
_WORDS = _PROSE.split()
_LONGEST = 120


ALIKE = 0.5
"""The share of questions that are as hard for one model as for every other."""


class Script:
    """Answers to known prompts: `{"prompt": …, "answer": …, "models": [optional]}` a line.

    With `"wrong": […]`, models of a set quality give one of these in the share of questions that
    their quality leaves.
    """

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._answers: dict[tuple[str, str], str] = {}
        self._wrong: dict[str, list[str]] = {}
        self._qualities: dict[str, float] = {}
        for line in lines:
            if line.strip():
                self.add(json.loads(line))

    def add(self, told: Mapping[str, Any]) -> None:
        """One more known prompt; without `models` it is for every model."""
        for model in told.get("models") or ("*",):
            self._answers[model, told["prompt"].strip()] = told["answer"]
        if told.get("wrong"):
            self._wrong[told["prompt"].strip()] = list(told["wrong"])

    def set_qualities(self, shares: Mapping[str, float]) -> None:
        """The share of right answers of each model, by its name on the wire."""
        self._qualities |= shares

    def find(self, asked: Asked) -> str | None:
        """The scripted answer: the model's own before the one for all."""
        question = asked.question.strip()
        answers = self._answers
        found = answers.get((asked.model, question)) or answers.get(("*", question))
        wrong, quality = self._wrong.get(question), self._qualities.get(asked.model)
        if found is None or not wrong or quality is None:
            return found
        return found if _difficulty(asked.model, question) < quality else wrong[0]


def _difficulty(model: str, question: str) -> float:
    """From 0, easy, to 1: evenly spread for each model, and for half of the questions the same."""
    shared = _share(question) < ALIKE
    return _share(f"alike\0{question}") if shared else _share(f"{model}\0{question}")


def _share(text: str) -> float:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64


def answer(asked: Asked, script: Script, seed: int) -> Answered:
    """The answer, cut at `stop` and at `max_tokens`."""
    scripted = script.find(asked)
    if scripted is not None:
        return _cut(asked, scripted)
    if asked.tools and asked.may_call and not asked.after_tool:
        name = asked.called or next(iter(asked.tools))
        arguments = json.dumps(sample(asked.tools.get(name, {})))
        return Answered("", "tool_calls", (ToolCall(name, arguments),), _thinking(asked))
    if asked.schema is not None or asked.wants_json:
        said = json.dumps(sample(asked.schema or {"type": "object"}))
        return _cut(asked, said)
    return _cut(asked, prose(asked.question, seed))


def prose(question: str, seed: int) -> str:
    """Words that `question` and `seed` determine."""
    digest = blake2b(question.encode(), digest_size=8, key=seed.to_bytes(8, "little")).digest()
    start, step = digest[0], 1 + digest[1] % 7
    words = [_WORDS[(start + step * n) % len(_WORDS)] for n in range(24 + digest[2] % _LONGEST)]
    return f"{NOTICE} {' '.join(words)}."


def sample(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the schema asks for
    """A small value that satisfies the usual JSON schemas."""
    chosen = _chosen(schema)
    if chosen is not None:
        return chosen
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
    return _plain(kind, schema)


def _chosen(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    """The value that the schema itself names, if it does."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return sample(options[0])
    return schema.get("const", next(iter(schema.get("enum", ())), None))


def _plain(kind: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    plain = {"boolean": True, "null": None}
    return plain.get(kind, "simulated".ljust(schema.get("minLength", 0), "."))


def refusal(asked: Asked) -> Answered:
    """The model won't."""
    return Answered(f"{NOTICE} I can't help with that.", "refusal", (), _thinking(asked))


def _thinking(asked: Asked) -> str:
    return f"{NOTICE} thinking about it" if asked.thinks else ""


def _cut(asked: Asked, text: str) -> Answered:
    for stop in asked.stop:
        text = text.partition(stop)[0]
    if asked.max_tokens is None or tokens(text) <= asked.max_tokens:
        return Answered(text, "stop", (), _thinking(asked))
    kept = text.encode()[: asked.max_tokens * 4].decode(errors="ignore")
    return Answered(kept, "length", (), _thinking(asked))
