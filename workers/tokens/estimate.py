"""Token estimate of a prompt, and OpenAI's exact count.

An estimate, bytes times a factor that is learned per model from what providers bill, is good enough
to route and to reserve (±20 %). Where a limit is near, OpenAI's own encoding counts exactly, from
files on disk: nothing here reaches for the network. Bills come from the provider's usage alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import tiktoken
from pydantic_core import to_json

from producers.contract import ChatBody, Usage
from runtime.known.tables import known_tables

Encoding: TypeAlias = Literal["o200k_base", "cl100k_base"]
ENCODING_FILES: Final[Mapping[Encoding, str]] = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
"""The names under which tiktoken looks its files up: the SHA-1 of where each was published."""

_UNKNOWN_FAMILY: Final = 4.0
_IMAGE_TOKENS: Final = 1_000
"""About what providers count for a picture of ordinary size."""
_FILE_BYTES_PER_TOKEN: Final = 500.0
"""Of a document or sound in base64: a guess, within a factor of a few."""
_PER_MESSAGE: Final = 4
_LEARNING_RATE: Final = 0.05
_SAID_BESIDE: Final = ("tool_calls", "function_call", "refusal", "thinking_blocks")
"""Fields of a message that go to the model like its content."""
_LONGEST_ODD: Final = 10_000
_NEAR: Final = 0.8
"""The share of a limit from which on an estimate isn't good enough."""


def bytes_per_token(family: str) -> float:
    """Of English text, where we begin with a model of the family."""
    known = known_tables().bytes_per_token.get(family)
    return _UNKNOWN_FAMILY if known is None else known.english


@dataclass(frozen=True, slots=True)
class PromptSize:
    """What of a prompt becomes tokens."""

    text_bytes: int
    images: int
    messages: int
    file_bytes: int = 0
    """Of documents and sound, as they are encoded."""


@dataclass(frozen=True, slots=True)
class LearnedTokenFactor:
    """Bytes per token of one model, as its provider has billed it so far."""

    bytes_per_token: float

    def estimate(self, size: PromptSize) -> int:
        """The estimate for a prompt of `size`."""
        text = size.text_bytes / self.bytes_per_token
        text += size.file_bytes / _FILE_BYTES_PER_TOKEN
        return ceil(text + size.images * _IMAGE_TOKENS + size.messages * _PER_MESSAGE)

    def learn(self, size: PromptSize, billed: int) -> "LearnedTokenFactor":
        """The factor after a call of `size` was billed at `billed` prompt tokens.

        Prompts with more than text, and tiny ones that are mostly overhead, teach nothing.
        """
        text_tokens = billed - size.messages * _PER_MESSAGE
        if size.images or size.file_bytes or size.text_bytes < 400 or text_tokens <= 0:  # noqa: PLR2004 - 100 tokens
            return self
        # bounded: one wrong bill must not spoil the estimates of the next hundred calls
        billed_factor = min(max(size.text_bytes / text_tokens, 0.5), 20.0)
        step = _LEARNING_RATE * (billed_factor - self.bytes_per_token)
        return LearnedTokenFactor(self.bytes_per_token + step)


@lru_cache(maxsize=1024)
def _first_factor(family: str) -> LearnedTokenFactor:
    """Of a model that hasn't been billed yet. By names of the configuration, which may change."""
    return LearnedTokenFactor(bytes_per_token(family))


class TokenFactors:
    """The learned factors of all models, by the model's name."""

    def __init__(self) -> None:
        self._learned: dict[str, LearnedTokenFactor] = {}

    def factor_of(self, model: str, family: str) -> LearnedTokenFactor:
        """The factor of `model`; of its family until it has been called."""
        return self._learned.get(model) or _first_factor(family)

    def learn(self, model: str, family: str, size: PromptSize, billed: int) -> None:
        """Remember what a provider billed."""
        self._learned[model] = self.factor_of(model, family).learn(size, billed)


def prompt_size(body: ChatBody) -> PromptSize:
    """The size of everything that the provider turns into tokens."""
    text, images, files = 0, 0, 0
    for message in body.messages:
        content = message.get("content")
        if isinstance(content, str):
            text += _bytes(content)
        for part in content if isinstance(content, list) else ():
            match part:
                case {"type": "image_url"}:
                    images += 1
                case {"text": str(words)}:
                    text += _bytes(words)
                case str():
                    text += _bytes(part)
                case _:
                    files += _json_size(part)
        text += _beside_bytes(message)
    if body.embeddings is not None:
        text += sum(map(_input_bytes, body.embeddings["input"]))
    schemas = (body.tools, body.response_format, (body.model_extra or {}).get("functions"))
    text += sum([_json_size(schema) for schema in schemas if schema])
    return PromptSize(text, images, len(body.messages), files)


def _beside_bytes(message: Mapping[str, object]) -> int:
    """Of what a message says beside its content."""
    size = 0
    for name in _SAID_BESIDE:
        value = message.get(name)
        if value:
            size += _json_size(value)
    return size


def _input_bytes(given: "str | list[int]") -> int:
    """Of a text to embed; a token stands for about as many bytes as with an unknown model."""
    return _bytes(given) if isinstance(given, str) else ceil(len(given) * _UNKNOWN_FAMILY)


def _bytes(text: str) -> int:
    """In UTF-8; half a surrogate pair, which has no place there, counts as one sign."""
    return len(text.encode(errors="replace"))


def _json_size(value: object) -> int:
    """About its bytes as JSON, whatever it is."""
    try:
        return len(to_json(value))
    except (ValueError, TypeError, RecursionError):
        return len(str(value)[:_LONGEST_ODD])


def estimated_usage(body: ChatBody, answer: Mapping[str, Any]) -> Usage:
    """What a call was probably billed, where a server reports no usage: better than for free."""
    factor = LearnedTokenFactor(_UNKNOWN_FAMILY)
    choices = answer.get("choices", ())
    answered_bytes = len(to_json([choice.get("message") for choice in choices])) if choices else 0
    output = ceil(answered_bytes / _UNKNOWN_FAMILY)
    return Usage(input_uncached=factor.estimate(prompt_size(body)), output=output)


def encoding_of(family: str) -> Encoding | None:
    """The encoding that counts this family exactly; None when there is none in public."""
    if family.startswith("gpt-3.5"):
        return "cl100k_base"
    return "o200k_base" if family.startswith(("gpt-", "o1", "o3", "o4")) else None


def encoding_near_limit(estimate: int, windows: Iterable[tuple[str, int]]) -> Encoding | None:
    """The encoding that counts a prompt of about `estimate` tokens; None: the estimate stands.

    windows: (family, context window in tokens) of the models that may be called. A window that is
    far from the estimate isn't worth a count, and one count can't serve two encodings.
    """
    near = {
        encoding_of(family)
        for family, window in windows
        if window * _NEAR <= estimate <= window / _NEAR
    }
    return near.pop() if len(near) == 1 else None


def exact_tokens(body: ChatBody, encoding: Encoding, files: Path | None) -> int | None:
    """OpenAI's own count of the texts, with its overhead; None when the files aren't in place.

    files: what TIKTOKEN_CACHE_DIR names, filled by `workers.tokens.tiktoken_files`.
    Takes a millisecond per ten kilobytes: not for the event loop.
    """
    encoder = _encoder(encoding, files)
    if encoder is None:
        return None
    texts = [text for message in body.messages for text in _texts(message)]
    texts += [to_json(schema).decode() for schema in (body.tools, body.response_format) if schema]
    counts = encoder.encode_ordinary_batch(texts, num_threads=1)
    return sum(map(len, counts)) + len(body.messages) * _PER_MESSAGE + 3


def _texts(message: Mapping[str, Any]) -> list[str]:
    content = message.get("content")
    parts = [content] if isinstance(content, str) else []
    parts += [str(p.get("text") or "") for p in content or () if isinstance(p, dict)]
    return parts + ([to_json(message["tool_calls"]).decode()] if message.get("tool_calls") else [])


@lru_cache(maxsize=8)
def _encoder(encoding: Encoding, files: Path | None) -> tiktoken.Encoding | None:
    """The encoder, if its file is here: tiktoken would fetch a missing one from the network."""
    if files is None or not (files / ENCODING_FILES[encoding]).is_file():
        return None
    return tiktoken.get_encoding(encoding)
