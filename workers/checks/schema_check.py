"""JSON Schema check of an answer, within a time limit that is asked for at every keyword.

`jsonschema` does its work in the functions of its keywords, one call a keyword and value: each is
wrapped, so that a check can be ended where it is. What one call takes is bounded by the sizes of
the schema (`schema_size`) and of the answer.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeAlias

import regex
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator as SchemaValidator
from jsonschema.validators import extend
from referencing import Registry

from runtime import limits
from workers.checks.pattern_size import unusable_pattern
from workers.checks.schema_size import SchemaRefusedError, patterns_of, usable_schema

PATTERN_SECONDS: Final = limits.PATTERN_MS.value / 1000
_CACHED: Final = 64
"""Schemas kept ready, of at most `limits.SCHEMA_CHARACTERS` each."""

_ends: ContextVar[float] = ContextVar("ends")
"""Monotonic seconds at which the check that runs in this context is given up."""

_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def wrong_schema(schema: Mapping[str, Any]) -> str | None:
    """Why the schema can't be used, for its sender; None if it can."""
    return _wrong_schema(json.dumps(schema))


def json_problem(schema: Mapping[str, Any], text: str, seconds: float) -> str | None:
    """What is wrong with an answer that must be JSON and satisfy `schema`; None: nothing.

    seconds: that it may take; an answer that can't be checked in time fails its check.
    """
    large = limits.CHECKED_JSON.refusal(len(text))
    if large is not None:
        return f"its JSON can't be checked: {large}"
    _ends.set(time.monotonic() + seconds)
    try:
        value = json.loads(text, parse_constant=_no_json)
    except (RecursionError, ValueError) as error:
        return f"it must be JSON alone: {error}"
    # how deep the library reads depends on the interpreter's version
    if _is_deeper(value, limits.CHECKED_DEPTH.value):
        return f"its JSON can't be checked: more than {limits.CHECKED_DEPTH.value} levels"
    return _schema_problem(json.dumps(schema), value)


def _schema_problem(schema: str, value: Any) -> str | None:  # noqa: ANN401 any JSON
    try:
        broken = next(_compiled(schema).iter_errors(value), None)
        return None if broken is None else _message(broken)
    except SchemaRefusedError as refused:
        return f"its JSON can't be checked: {refused}"
    except TimeoutError:
        return "its JSON can't be checked in time"
    except Exception as error:  # noqa: BLE001 whatever it holds, an answer doesn't break its worker
        return f"its JSON can't be checked: {type(error).__name__}"


def _is_deeper(value: object, most: int) -> bool:
    """Whether lists and objects lie in one another more than `most` times."""
    level = [value]
    for _ in range(most):
        level = [inner for outer in level if isinstance(outer, list | dict) for inner in _in(outer)]
        if not level:
            return False
    return any(isinstance(value, list | dict) for value in level)


def _in(outer: list[object] | dict[str, object]) -> Iterable[object]:
    return outer if isinstance(outer, list) else outer.values()


def _message(broken: ValidationError) -> str:
    return f"its JSON breaks the schema at {broken.json_path[:200]}: {broken.message[:200]}"


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


@lru_cache(maxsize=_CACHED)
def _wrong_schema(text: str) -> str | None:
    try:
        usable = usable_schema(json.loads(text))
    except SchemaRefusedError as error:
        return str(error)
    except RecursionError:
        return "its references lead on too often, one to the next"
    wrong = unusable_pattern(*patterns_of(usable))
    if wrong is not None:
        return wrong
    try:
        _Checked.check_schema(usable, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        return f"the schema is invalid at {error.json_path[:200]}: {error.message[:200]}"
    return None


@lru_cache(maxsize=_CACHED)
def _compiled(text: str) -> SchemaValidator:
    """The schema, ready to check; with an empty registry no reference is ever fetched."""
    schema = usable_schema(json.loads(text))
    checked: SchemaValidator = _Checked(schema, registry=Registry())
    return checked


def _metered(keyword: _Keyword) -> _Keyword:
    """The keyword's function, which gives up when the time is over."""

    def check(
        validator: object, value: object, instance: object, schema: object
    ) -> Iterator[ValidationError] | None:
        if time.monotonic() > _ends.get():
            raise TimeoutError
        return keyword(validator, value, instance, schema)

    return check


def _pattern(_: object, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    """JSON Schema's `pattern`, within its own time limit."""
    if isinstance(instance, str) and not regex.search(pattern, instance, timeout=PATTERN_SECONDS):
        yield ValidationError(f"{instance[:200]!r} does not match {pattern!r}")


def _unique_items(
    _: object, wanted: object, instance: object, __: object
) -> Iterator[ValidationError]:
    """JSON Schema's `uniqueItems`, in linear time."""
    if wanted is not True or not isinstance(instance, list):
        return
    if len({_identity(each) for each in instance}) < len(instance):
        yield ValidationError("it has items that are equal")


def _identity(value: object) -> object:
    """Equal for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true aren't."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return ("array", tuple(map(_identity, value)))
        case dict():
            return ("object", frozenset((name, _identity(each)) for name, each in value.items()))
        case int():
            # not by its own hash, which a sender can choose: 20,000 numbers that share one hash
            return ("number", str(value))
        case float():
            return ("number", str(int(value)) if value.is_integer() else repr(value))
        case _:
            return value


_OWN: Final[dict[str, _Keyword]] = {"pattern": _pattern, "uniqueItems": _unique_items}
_Checked: Final[Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _metered(function)
        for name, function in {**Draft202012Validator.VALIDATORS, **_OWN}.items()
    },
)
