"""What may a caller demand of an answer?"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from .message import Message, Name


class JsonSchemaCheck(Message):
    """The answer parses as JSON and satisfies `schema`."""

    kind: Literal["json_schema"]
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]


class RegexCheck(Message):
    """The whole answer matches `pattern`."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(max_length=2_000)]


class ContainsCheck(Message):
    """The answer contains every one of `texts`."""

    kind: Literal["contains"]
    texts: tuple[str, ...]


class MaxLengthCheck(Message):
    """The answer has at most `characters` characters."""

    kind: Literal["max_length"]
    characters: Annotated[int, Field(ge=1)]


class LanguageCheck(Message):
    """The answer is written in `language` (ISO 639-1)."""

    kind: Literal["language"]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class NamedCheck(Message):
    """The answer passes the Python function that the operator's configuration calls `name`."""

    kind: Literal["named"]
    name: Name


Validator: TypeAlias = Annotated[
    JsonSchemaCheck | RegexCheck | ContainsCheck | MaxLengthCheck | LanguageCheck | NamedCheck,
    Field(discriminator="kind"),
]
