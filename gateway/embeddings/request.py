"""Embeddings request: one of a caller's, as requests of the contract whose replies fit a record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from gateway.answers.unreadable import UnreadableRequest, text_at
from gateway.errors.api_error import ApiError
from producers.contract.request import MAX_EMBEDDINGS

EmbeddingFormat: TypeAlias = Literal["float", "base64"]
_REPLY_BYTES: Final = 900_000
"""Of the vectors in one reply: a record has at most a million."""
_VECTOR_BYTES: Final = 80
"""Of one vector's JSON beside its numbers."""
_UNKNOWN_DIMENSIONS: Final = 4_096
_MOST_TOKENS: Final = 8_192
"""Of one input that comes as token numbers; no model embeds more."""
_LARGEST_TOKEN: Final = 1_000_000
_KNOWN: Final = frozenset({"model", "input", "dimensions", "encoding_format", "user"})


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """An embeddings request, read."""

    model: str
    inputs: Sequence[Any]
    """Texts, or lists of token numbers."""
    dimensions: int | None
    form: EmbeddingFormat
    user: str | None
    warnings: tuple[str, ...]

    def bodies(self, model_dimensions: int | None) -> Iterator[dict[str, Any]]:
        """The contract's bodies, in the order of the inputs.

        model_dimensions: of the model's vectors, where they are known.
        """
        dimensions = self.dimensions or model_dimensions or _UNKNOWN_DIMENSIONS
        # four bytes a number, in base64
        size = _VECTOR_BYTES + dimensions * 16 // 3
        step = max(1, _REPLY_BYTES // size)
        for begin in range(0, len(self.inputs), step):
            asked: dict[str, Any] = {"input": self.inputs[begin : begin + step]}
            if self.dimensions is not None:
                asked["dimensions"] = self.dimensions
            body = {"model": self.model, "messages": [{"role": "user", "content": []}]}
            yield {**body, "embeddings": asked, **({"user": self.user} if self.user else {})}


def read_embeddings_request(body: Mapping[str, Any]) -> EmbeddingsCall | ApiError:
    """The call."""
    try:
        return _read({name: value for name, value in body.items() if value is not None})
    except UnreadableRequest as problem:
        return ApiError("invalid_request", "invalid_request", str(problem), problem.param)


def _read(given: Mapping[str, Any]) -> EmbeddingsCall:
    form = given.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise UnreadableRequest("encoding_format", "must be float or base64")
    dimensions = given.get("dimensions")
    if dimensions is not None and not _whole(dimensions, 1, 65_536):
        raise UnreadableRequest("dimensions", "must be a whole number from 1 to 65536")
    user = given.get("user")
    unknown = sorted(given.keys() - _KNOWN)
    return EmbeddingsCall(
        model=text_at(given.get("model"), "model"),
        inputs=_inputs(given.get("input")),
        dimensions=dimensions,
        form="base64" if form == "base64" else "float",
        user=None if user is None else text_at(user, "user"),
        warnings=tuple(f"{name[:60]} was dropped: not known here" for name in unknown),
    )


def _inputs(value: object) -> list[Any]:
    """Texts, or lists of token numbers: one of a kind."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        raise UnreadableRequest("input", "must be a text, token numbers, or a list of either")
    if _whole(value[0], 0, _LARGEST_TOKEN):
        value = [value]
    if len(value) > MAX_EMBEDDINGS:
        words = f"has {len(value):,} entries, at most {MAX_EMBEDDINGS:,} may be"
        raise UnreadableRequest("input", words)
    kind = type(value[0])
    for number, each in enumerate(value):
        problem = _problem(each, kind)
        if problem is not None:
            raise UnreadableRequest(f"input.{number}", problem)
    return value


def _problem(each: object, kind: type) -> str | None:
    if type(each) is not kind:
        return "must be like the first: a text, or token numbers"
    if isinstance(each, str):
        return None if each else "must not be empty"
    return None if _tokens(each) else f"must be a text, or 1 to {_MOST_TOKENS:,} token numbers"


def _tokens(each: object) -> bool:
    if not isinstance(each, list) or not 1 <= len(each) <= _MOST_TOKENS:
        return False
    return all(_whole(token, 0, _LARGEST_TOKEN) for token in each)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
