"""Prompt adaptation: a prompt in the words of one model, so that its answer keeps the form.

Three things: the variant of a known system prompt for the model's family, what the configuration
says the family needs around it, and a JSON contract put into words for a model without JSON schema
mode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from producers.contract import ChatBody, ChatMessage
from runtime.config.catalog import Model, PromptAdaptation
from runtime.config.prompt_table import NO_PROMPTS, PromptTable

_SYSTEM_ROLES: Final = ("system", "developer")


@dataclass(frozen=True, slots=True)
class AdaptedBody:
    """The body to send; warnings tell the caller what was said in other words."""

    body: ChatBody
    warnings: tuple[str, ...] = ()


def adapt_prompt(body: ChatBody, model: Model, prompts: PromptTable = NO_PROMPTS) -> AdaptedBody:
    """`body` as `model` needs it; the same object when nothing has to change."""
    if not prompts:
        return _framed(body, model)
    body, warnings = _in_familys_words(body, model.family, prompts)
    adapted = _framed(body, model)
    return AdaptedBody(adapted.body, (*warnings, *adapted.warnings))


def _in_familys_words(
    body: ChatBody, family: str, prompts: PromptTable
) -> tuple[ChatBody, tuple[str, ...]]:
    """The body with the family's variant of its system prompt, and what the caller is told."""
    own = [_text_of(message) for message in body.messages if message["role"] in _SYSTEM_ROLES]
    other = prompts.for_family("\n\n".join(own), family)
    if other is None:
        return body, ()
    if other.text is None:
        return body, (other.warning,)
    others = [message for message in body.messages if message["role"] not in _SYSTEM_ROLES]
    messages = [{"role": "system", "content": other.text}, *others]
    # Anthropic's blocks are those of the prompt as it was
    return body.model_copy(update={"messages": messages, "anthropic": None}), (other.warning,)


def _framed(body: ChatBody, model: Model) -> AdaptedBody:
    """The body with what the model needs around the prompt."""
    contract = _schema_in_words(body, model)
    if contract is None and (model.prompt is _NOTHING or model.prompt == _NOTHING):
        return AdaptedBody(body)
    changes: dict[str, Any] = {"messages": _with_system(body, model.prompt, contract)}
    changes["anthropic"] = None  # its blocks are those of the prompt as it was
    if contract is None:
        return AdaptedBody(body.model_copy(update=changes))
    changes["response_format"] = None
    warning = "response_format was put into the system prompt: the model has no JSON schema mode"
    return AdaptedBody(body.model_copy(update=changes), (warning,))


_NOTHING: Final = PromptAdaptation()


def _with_system(
    body: ChatBody, prompt: PromptAdaptation, contract: str | None
) -> list[ChatMessage]:
    """The messages with one system message first, which is the wrapped one of the caller."""
    own = [_text_of(message) for message in body.messages if message["role"] in _SYSTEM_ROLES]
    others = [message for message in body.messages if message["role"] not in _SYSTEM_ROLES]
    parts = (prompt.system_prefix, *own, prompt.system_suffix, contract or "")
    text = "\n\n".join(part for part in parts if part)
    system = prompt.system_template.replace("{system}", text) if text else ""
    return [{"role": "system", "content": system}, *others] if system else others


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def _schema_in_words(body: ChatBody, model: Model) -> str | None:
    """The instruction that stands in for `response_format`, if the model needs one."""
    form = body.response_format or {}
    if "json_schema" in model.capabilities or form.get("type") != "json_schema":
        return None
    inner = form.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else inner
    return (
        "Answer with one JSON value that satisfies this JSON Schema, and with nothing else: "
        "no prose, no code fence.\n" + to_json(schema or {}, inf_nan_mode="null").decode()
    )
