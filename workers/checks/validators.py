"""Validators: the checks of an answer that a request demands. What is wrong with this answer?

Patterns and schemas come from callers, so they are run with care: within limits of size, time and
memory, and without fetching anything. An answer that only calls tools isn't checked yet: the
answer to its results will be.
"""

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, assert_never

import py3langid

from producers.contract import (
    ChatBody,
    ChatMessage,
    ContainsCheck,
    JsonSchemaCheck,
    LanguageCheck,
    MaxLengthCheck,
    NamedCheck,
    RegexCheck,
    Validator,
    answer_message,
    answer_text,
)
from runtime import limits
from workers.checks.foreign_check import ForeignCheck, RunForeign, run_here

_LONGEST_S: Final = limits.CHECK_MS.value / 1000
_LEAST_LETTERS: Final = 20
"""Below which a language can't be told."""

_LANGUAGE_SAMPLE: Final = 1_000
"""Characters that are looked at, 0.1 ms: an answer in two languages is judged by its beginning."""

CheckFunction: TypeAlias = Callable[[str], str | None]
"""A check of the operator's own: what is wrong with the answer, or None."""

_Means: TypeAlias = tuple[Mapping[str, CheckFunction], RunForeign]
"""The operator's own checks, and how the others are run."""


@dataclass(frozen=True, slots=True)
class CheckProblem:
    """What is wrong with an answer."""

    check: str
    """The validator's kind."""
    message: str
    """For the model that is to mend it."""


def load_checks(entry_points: Mapping[str, str]) -> dict[str, CheckFunction]:
    """The functions behind the configuration's `name: package.module:function`.

    Raises ValueError that says which name can't be loaded and why.
    """
    return {name: _load(name, place) for name, place in entry_points.items()}


def invalid_checks(
    validators: Sequence[Validator],
    named: Mapping[str, CheckFunction],
    run: RunForeign = run_here,
    seconds: float = _LONGEST_S,
) -> str | None:
    """What is wrong with the checks themselves, for the one who sent them; None if nothing is.

    run, seconds: see `failed_checks`.
    """
    ends = time.monotonic() + min(seconds, _LONGEST_S)
    refusal = limits.CHECKS.refusal(len(validators))
    if refusal is not None:
        return f"validators: {refusal}"
    for n, validator in enumerate(validators):
        wrong = _invalid_check(validator, named, run, ends)
        if wrong is not None:
            return f"validators.{n} ({validator.kind}): {wrong}"
    return None


def failed_checks(
    validators: Sequence[Validator],
    answer: Mapping[str, Any],
    named: Mapping[str, CheckFunction],
    seconds: float = _LONGEST_S,
    run: RunForeign = run_here,
) -> tuple[CheckProblem, ...]:
    """Every problem of an answer, a `chat.completion`; may take milliseconds: not for the loop.

    seconds: that all checks may take; those that can't be made in this time have failed. run: how
    the patterns and schemas of senders are run.
    """
    ends = time.monotonic() + min(seconds, _LONGEST_S)
    message = answer_message(answer)
    if not message:
        return tuple(CheckProblem(each.kind, "there must be an answer") for each in validators)
    content = message.get("content")
    if message.get("tool_calls") and not content:
        return ()
    text = content or message.get("refusal") or ""
    if not isinstance(text, str):
        return tuple(CheckProblem(each.kind, "it must be a text") for each in validators)
    messages = ((each.kind, _problem_by(ends, each, text, (named, run))) for each in validators)
    return tuple(CheckProblem(kind, text) for kind, text in messages if text is not None)


def repair_request(
    body: ChatBody, answer: Mapping[str, Any], problems: Sequence[CheckProblem]
) -> ChatBody:
    """The request once more, with the answer that failed and what is wrong with it."""
    rules = "\n".join(f"- {problem.message}" for problem in problems)
    demand = f"Your answer breaks these rules:\n{rules}\nAnswer again, keeping all of them."
    more: list[ChatMessage] = [
        {"role": "assistant", "content": answer_text(answer) or ""},
        {"role": "user", "content": demand},
    ]
    # Anthropic's own blocks are those of the first question
    return body.model_copy(update={"messages": [*body.messages, *more], "anthropic": None})


def _problem_by(ends: float, validator: Validator, text: str, means: _Means) -> str | None:
    """ends: monotonic seconds by which it must be known.

    An answer that breaks a check hasn't passed it: it is paid for by now, and two thousand brackets
    must not cost more than themselves.
    """
    left_s = ends - time.monotonic()
    if left_s <= 0:
        return "it can't be checked in time"
    try:
        return _problem(validator, text, means, left_s)
    except Exception as error:  # noqa: BLE001 - texts are whatever a model writes
        return f"its check broke off: {type(error).__name__}"


def _problem(validator: Validator, text: str, means: _Means, left_s: float) -> str | None:
    named, run = means
    match validator:
        case JsonSchemaCheck(json_schema=schema):
            return run(ForeignCheck("schema", schema, text), left_s)
        case RegexCheck(pattern=pattern):
            return run(ForeignCheck("pattern", pattern, text), left_s)
        case ContainsCheck(texts=texts):
            missing = [each for each in texts if each not in text]
            return f"it must contain {', '.join(map(repr, missing))}" if missing else None
        case MaxLengthCheck(characters=most):
            size = len(text)
            return f"it has {size} characters, at most {most} are allowed" if size > most else None
        case LanguageCheck(language=language):
            return _language_problem(language, text)
        case NamedCheck(name=name):
            return _named_problem(name, named[name], text)
        case _:
            assert_never(validator)


def _language_problem(language: str, text: str) -> str | None:
    guess = _language_of(text[:_LANGUAGE_SAMPLE])
    if guess is None or guess == language:
        return None
    return f"it must be written in {language!r}, not in {guess!r}"


@lru_cache(maxsize=512)
def _language_of(sample: str) -> str | None:
    """The ISO 639-1 code of the likeliest language; None for a text too short to tell."""
    if sum(map(str.isalpha, sample)) < _LEAST_LETTERS:
        return None
    return str(py3langid.classify(sample)[0])


def _named_problem(name: str, test: CheckFunction, text: str) -> str | None:
    try:
        return test(text)
    except Exception as error:  # noqa: BLE001 - the operator's own code
        return f"the check {name!r} broke with {type(error).__name__}"


def _invalid_check(
    validator: Validator, named: Mapping[str, CheckFunction], run: RunForeign, ends: float
) -> str | None:
    left_s = max(0.0, ends - time.monotonic())
    match validator:
        case JsonSchemaCheck(json_schema=schema):
            return run(ForeignCheck("schema", schema, None), left_s)
        case RegexCheck(pattern=pattern):
            return run(ForeignCheck("pattern", pattern, None), left_s)
        case ContainsCheck(texts=texts):
            return limits.CONTAINED_TEXTS.refusal(len(texts))
        case NamedCheck(name=name) if name not in named:
            return f"no check is called {name!r}; there are: {', '.join(named) or 'none'}"
        case _:
            return None


def _load(name: str, place: str) -> CheckFunction:
    module, _, function = place.partition(":")
    try:
        check: CheckFunction = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"validators.{name}: {place!r} can't be loaded: {error}") from error
    return check
