"""Cacheability rules for requests, questions and answers. May this serve a second caller?

A reason in words means no. Questions about the moment ("today", "latest") or about the person who
asks ("my order") have no answer that serves a second asker.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from producers.contract import ChatBody, Done
from runtime.config.sections.cache import CachePolicy


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A regular expression behind a cheap test for words."""

    words: tuple[str, ...]
    """In small letters; any text that the expression finds has one of them.

    Looking for them first is 20 times cheaper, and most texts have none.
    """
    expression: re.Pattern[str]

    def matches(self, text: str, folded: str) -> bool:
        """Whether the expression finds something. folded: `text` in small letters."""
        return any(word in folded for word in self.words) and bool(self.expression.search(text))


def _pattern(words: str, expression: str) -> TextPattern:
    return TextPattern(tuple(words.split("|")), re.compile(expression, re.IGNORECASE))


TIME_BOUND: Final = _pattern(
    "today|tonight|tomorrow|yesterday|now|moment|current|latest|newest|recent|breaking|so far this"
    "|this |next |last |time is|price|weather",
    r"\b(?:today|tonight|tomorrow|yesterday|right now|just now|at the moment|currently|latest"
    r"|newest|most recent|breaking news|so far this|(?:this|next|last) (?:week|weekend|month|"
    r"morning|evening|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|what time is it|current (?:time|date|price|weather|status|score)|(?:stock|share) price"
    r"|weather (?:in|for|at|now)|price of (?:bitcoin|gold|oil))\b",
)
_HOW_TO: Final = re.compile(
    r"\b(?:how (?:do|can|could|should|would|to)|what (?:is|are) the (?:best|easiest|right) way"
    r"|is it (?:possible|safe|ok|legal)|ways to|steps to|best way)\b",
    re.IGNORECASE,
)
POSSESSIVE: Final = _pattern("my|mine|our", r"\b(?:my|mine|our|ours)\b")
PERSONAL: Final = _pattern(
    "my|i live |i am called|who am i|remember",
    r"\b(?:my name is|i live (?:in|at)|i am called|who am i|do you remember|remember (?:me|that i)"
    r"|my (?:order|account|invoice|balance|appointment|booking|ticket|subscription|bill|contract)"
    r" (?:number|id|status|history)|where is my|when (?:will|does) my|what (?:is|are|was) my)\b",
)
EMAIL_ADDRESS: Final = _pattern("@", r"[\w.+-]+@[\w-]+\.\w{2,}")
_DIGITS: Final = re.compile(r"\d{3}")
_LONG_NUMBER: Final = re.compile(r"\b\d{7,}\b|\b\d{3}[ -]\d{3,4}[ -]\d{3,4}\b")


def refuse_request(body: ChatBody, text: str | None, policy: CachePolicy) -> str | None:
    """Why the cache leaves a request alone; None when it may serve it."""
    if not policy.steps:
        return "switched off for this tenant or tier"
    if not policy.allow_sampling and body.temperature:
        return f"temperature {body.temperature:g} asks for varied answers"
    if text is not None and len(text) > policy.max_question_chars:
        return f"the question has more than {policy.max_question_chars} characters"
    return None


def refuse_question(text: str | None, policy: CachePolicy) -> str | None:
    """Why no answer to this text can serve a second asker; to be asked before keeping one."""
    if text is None:
        return None
    folded = text.casefold()
    if not policy.allow_time_bound and TIME_BOUND.matches(text, folded):
        return "about the moment"
    if not policy.allow_personal and _personal(text, folded):
        return "about the person who asks"
    return None


def refuse_answer(done: Done, policy: CachePolicy) -> str | None:
    """Why an answer isn't kept; None when it is whole and may serve others."""
    choices = done.body.get("choices") or []
    if not choices:
        return "no choice in the answer"
    return next((reason for choice in choices if (reason := _refuse_choice(choice))), None) or (
        None
        if done.cost_micro_usd is None or policy.min_cost_micro_usd <= done.cost_micro_usd
        else "cheaper than what is worth keeping"
    )


def _personal(text: str, folded: str) -> bool:
    if PERSONAL.matches(text, folded) or EMAIL_ADDRESS.matches(text, folded):
        return True
    if _DIGITS.search(text) and _LONG_NUMBER.search(text):
        return True
    return POSSESSIVE.matches(text, folded) and _HOW_TO.search(text) is None


def _refuse_choice(choice: dict[str, Any]) -> str | None:
    message = choice.get("message") or {}
    if message.get("tool_calls") or message.get("function_call"):
        return "the answer calls a tool"
    if message.get("refusal"):
        return "the model refused"
    reason = choice.get("finish_reason")
    if reason != "stop":
        return f"the answer ended with {reason!r}, not 'stop'"
    return None if message.get("content") else "the answer is empty"
