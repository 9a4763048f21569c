"""Invalidation message: which cached answers to forget, and which one was wrong."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from .message import Message, Name


class Invalidation(Message):
    """One tenant's kept answers to forget: by exactly one of its fields.

    A field that this version doesn't know is refused: what was to be forgotten would stay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tenant: Name
    """Whose answers."""

    tag: Name | None = None
    """A tag of the requests that bought them."""

    scope: Name | None = None
    """The callers' own scope that they are kept in."""

    entry: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.[0-9a-f]{32}$")] | None = None
    """One entry, as `cache.entry` of a reply names it."""

    user: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    """The `user` in the body of the requests that bought them: a person's data."""

    request: Name | None = None
    """The id of the request that bought it."""

    everything: bool = False
    """All of the tenant."""

    wrong: bool = False
    """With `request`: the cache gave this request a wrong answer. The answer is forgotten, is never
    given to that question again, and counts against the step that found it."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = (self.tag, self.scope, self.entry, self.user, self.request, self.everything or None)
        if sum(name is not None for name in given) != 1:
            raise ValueError("name exactly one of tag, scope, entry, user, request, everything")
        if self.wrong and self.request is None:
            raise ValueError("wrong needs a request: the one that got the wrong answer")
        return self
