"""Cacheability rules for requests, questions and answers. May this serve a second caller?

A reason in words means no. Questions about the moment ("today", "latest"), about the person who
asks ("my order") or about a conversation that isn't in the request have no answer that serves a
second asker. What the caller declares comes first, then the signs of a person, then the recogniser.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from cache.identity.recogniser import BOUND_KINDS, BoundKind, Recogniser, Recognition
from producers.contract import CacheSubject, ChatBody, Done
from runtime.config.sections.cache import CachePolicy

_DECLARED_ONLY: Final = "kept only when the caller declares what it is about"
_EMAIL_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w{2,}")
_CONTACT_NUMBER: Final = re.compile(r"\b\d{3}[ -]\d{3,4}[ -]\d{3,4}\b|\+\d[\d ()-]{7,18}\d")
_LIKE_A_NUMBER: Final = re.compile(r"\d[\d ()-]{5,}\d")
"""What each of these three has in it: most texts have none, so that they are read once."""
_LONG_NUMBER: Final = re.compile(r"\b\d(?:[ -]?\d){6,18}\b")
_CARD_DIGITS: Final = range(13, 20)
_REASONS: Final[dict[BoundKind, str]] = {
    "moment": "about the moment",
    "person": "about the person who asks",
    "conversation": "about this conversation",
}


@dataclass(frozen=True, slots=True)
class KeepForAll:
    """The answer may serve others, by every step, for the policy's time to live."""

    language: str | None = field(default=None, compare=False)
    """The question's, ISO 639-1; None: not known, or nobody asked."""


@dataclass(frozen=True, slots=True)
class KeepBriefly:
    """It can't be told: the answer serves the very same words, for `unsure_ttl_s`."""

    reason: str
    language: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DoNotKeep:
    """The answer serves no second asker: `reason`, which holds no word of the question."""

    reason: str


Retention: TypeAlias = KeepForAll | KeepBriefly | DoNotKeep


def refuse_request(
    body: ChatBody, text: str | None, policy: CachePolicy, about: CacheSubject | None = None
) -> str | None:
    """Why the cache leaves a request alone; None when it may serve it.

    about: what the caller declares: who asks about a person wants no one else's answer, even if
    the same words were kept for another.
    """
    if not policy.steps:
        return "switched off for this tenant or tier"
    if not policy.allow_sampling and body.temperature:
        return f"temperature {body.temperature:g} asks for varied answers"
    if text is not None and len(text) > policy.max_question_chars:
        return f"the question has more than {policy.max_question_chars} characters"
    declared = None if about is None else _declared(about, policy)
    return declared.reason if isinstance(declared, DoNotKeep) else None


def retention_of(
    text: str | None,
    policy: CachePolicy,
    recogniser: Recogniser,
    *,
    about: CacheSubject | None = None,
    has_history: bool = False,
) -> Retention:
    """Whether an answer to this text may serve a second asker; to be asked before keeping one.

    about: what the caller declares, which beats the recogniser. has_history: earlier turns are in
    the request, so in the key too: then a question about them is one for all who had the same.
    """
    ruled = ruled_retention(text, policy, about=about, has_history=has_history)
    if not isinstance(ruled, ToRecognise):
        return ruled
    return recognised_retention(ruled, recogniser.recognise(ruled.text))


@dataclass(frozen=True, slots=True)
class ToRecognise:
    """No rule decides: what the text is about has to be recognised."""

    text: str
    refused: frozenset[BoundKind]
    """The kinds that the policy doesn't keep; not empty."""


def ruled_retention(
    text: str | None,
    policy: CachePolicy,
    *,
    about: CacheSubject | None = None,
    has_history: bool = False,
) -> Retention | ToRecognise:
    """The retention by what is declared, by the policy and by the signs of a person."""
    if about is not None:
        return _declared(about, policy)
    if policy.declared_only:
        return DoNotKeep(_DECLARED_ONLY)
    refused = BOUND_KINDS - _allowed_kinds(policy, has_history=has_history)
    if text is None or not refused:
        return KeepForAll()
    if "person" in refused and _names_a_person(text):
        return DoNotKeep(_REASONS["person"])
    return ToRecognise(text, refused)


def recognised_retention(question: ToRecognise, recognition: Recognition) -> Retention:
    """The retention by what the question was recognised to be about."""
    shares = {kind: recognition.share(kind) for kind in question.refused}
    bound, likeliest = sum(shares.values()), max(shares, key=shares.__getitem__)
    if bound >= recognition.refuse:
        return DoNotKeep(_REASONS[likeliest])
    if bound >= recognition.doubt:
        known = recognition.language is not None
        reason = f"perhaps {_REASONS[likeliest]}" if known else "language not known"
        return KeepBriefly(reason, recognition.language)
    if "person" in question.refused and _has_long_number(question.text):
        return KeepBriefly("a long number may be somebody's", recognition.language)
    return KeepForAll(recognition.language)


def _declared(about: CacheSubject, policy: CachePolicy) -> Retention:
    match about:
        case "everyone":
            return KeepForAll()
        case "moment" if policy.allow_time_bound:
            return KeepForAll()
        case "person" if policy.allow_personal:
            return KeepForAll()
        case "moment" | "person" | "conversation":
            return DoNotKeep(f"{_REASONS[about]}, as declared")
        case _:
            assert_never(about)


def kinds_kept(policy: CachePolicy) -> tuple[BoundKind, ...]:
    """The kinds of bound answers that a policy keeps: others' policies must not meet them."""
    allowed = _allowed_kinds(policy, has_history=False)
    return tuple(sorted(allowed))


def _allowed_kinds(policy: CachePolicy, *, has_history: bool) -> frozenset[BoundKind]:
    allowed: dict[BoundKind, bool] = {
        "moment": policy.allow_time_bound,
        "person": policy.allow_personal,
        "conversation": has_history,
    }
    return frozenset(kind for kind in BOUND_KINDS if allowed[kind])


def _names_a_person(text: str) -> bool:
    """An address, a telephone number or the number of a payment card."""
    if "@" in text and _EMAIL_ADDRESS.search(text):
        return True
    if not _LIKE_A_NUMBER.search(text):
        return False
    if _CONTACT_NUMBER.search(text):
        return True
    return any(_is_card(found.group()) for found in _LONG_NUMBER.finditer(text))


def _has_long_number(text: str) -> bool:
    return bool(_LIKE_A_NUMBER.search(text) and _LONG_NUMBER.search(text))


def _is_card(number: str) -> bool:
    """By length and check digit (Luhn)."""
    digits = [int(digit) for digit in number if digit.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004
    return len(digits) in _CARD_DIGITS and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def refuse_answer(done: Done, policy: CachePolicy) -> str | None:
    """Why an answer isn't kept; None when it is whole and may serve others."""
    if done.body.get("object") == "list":  # vectors: the same for ever
        return _too_cheap(done, policy)
    choices = done.body.get("choices") or []
    if not choices:
        return "no choice in the answer"
    refused = next((reason for choice in choices if (reason := _refuse_choice(choice))), None)
    return refused or _too_cheap(done, policy)


def _too_cheap(done: Done, policy: CachePolicy) -> str | None:
    if done.cost_micro_usd is None or policy.min_cost_micro_usd <= done.cost_micro_usd:
        return None
    return "cheaper than what is worth keeping"


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
