"""Validators: the checks that a caller may demand of an answer."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from .message import Demand, Name


class JsonSchemaCheck(Demand):
    """The answer parses as JSON and satisfies `schema`."""

    kind: Literal["json_schema"]
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]
    """A JSON Schema, draft 2020-12; nothing is fetched for its references."""


class RegexCheck(Demand):
    """The whole answer matches `pattern`."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(max_length=2_000)]
    """A regular expression in Python's syntax; `.` matches line ends too."""


class ContainsCheck(Demand):
    """The answer contains every one of `texts`."""

    kind: Literal["contains"]
    texts: tuple[str, ...]
    """Compared letter by letter."""


class MaxLengthCheck(Demand):
    """The answer has at most `characters` characters."""

    kind: Literal["max_length"]
    characters: Annotated[int, Field(ge=1)]
    """Unicode code points, not tokens."""


class LanguageCheck(Demand):
    """The answer is written in `language`."""

    kind: Literal["language"]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    """An ISO 639-1 code, e.g. `de`."""


class NamedCheck(Demand):
    """The answer passes the Python function that the operator's configuration calls `name`."""

    kind: Literal["named"]
    name: Name
    """A key of the `validators` section of `switchgear.yaml`."""


Validator: TypeAlias = Annotated[
    JsonSchemaCheck | RegexCheck | ContainsCheck | MaxLengthCheck | LanguageCheck | NamedCheck,
    Field(discriminator="kind"),
]
