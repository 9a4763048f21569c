"""Prefix cache: the part of a prompt that the provider has cached.

Anthropic and Bedrock: up to a breakpoint that an earlier request set, found within 20 blocks, not
below the model's minimum, refreshed by every hit. OpenAI and Mistral: by themselves, from 1,024
tokens on in steps of 128. An entry can be read once the answer that wrote it has begun.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from .exchange import Asked, Block, Counted, tokens

LOOK_BACK: Final = 20
STEP: Final = 128
SMALLEST_AUTOMATIC: Final = 1024
_TTL: Final = {"5m": 300.0, "1h": 3600.0}
_SMALLEST: Final = (("opus-4-6", 4096), ("opus-4-5", 4096), ("haiku-4-5", 4096), ("haiku", 2048))


def smallest(model: str) -> int:
    """The shortest prefix, in tokens, that the model caches."""
    return next((count for name, count in _SMALLEST if name in model), 1024)


class PrefixCache:
    """What every organisation (key) and model has cached. Times in seconds."""

    def __init__(self) -> None:
        self._until: dict[bytes, tuple[float, float]] = {}

    def count(self, asked: Asked, output: int, now: float, ready: float) -> Counted:
        """The prompt's tokens, sorted by how they are billed; `ready`: when the answer begins."""
        if asked.dialect == "openai":
            return self._automatic(asked, output, now, ready)
        if not any(block.cached for block in asked.blocks):
            return Counted(sum(tokens(block.text) for block in asked.blocks), output)
        return self._marked(asked, output, now, ready)

    def _automatic(self, asked: Asked, output: int, now: float, ready: float) -> Counted:
        prompt = "".join(block.text for block in asked.blocks).encode()
        total = (len(prompt) + 3) // 4
        if total < SMALLEST_AUTOMATIC:
            return Counted(total, output)
        steps = range(SMALLEST_AUTOMATIC, total + 1, STEP)
        names = [(_name(asked, prompt[: 4 * step]), step) for step in steps]
        read = max((step for name, step in names if self._readable(name, now)), default=0)
        for name, _ in names:
            self._keep(name, now, ready, _TTL["5m"])
        return Counted(total - read, output, read)

    def _marked(self, asked: Asked, output: int, now: float, ready: float) -> Counted:
        prefixes = list(_prefixes(asked))
        total, least = prefixes[-1][1], smallest(asked.model)
        marks = [n for n, block in enumerate(asked.blocks) if block.cached]
        read = max(
            (
                size
                for mark in marks
                for name, size in prefixes[max(0, mark - LOOK_BACK) : mark + 1]
                if size >= least and self._readable(name, now)
            ),
            default=0,
        )
        written = {"5m": 0, "1h": 0}
        done = read
        for mark in marks:
            name, size = prefixes[mark]
            ttl = asked.blocks[mark].cached or "5m"
            if size >= least:
                written[ttl] += max(0, size - done)
                done = max(done, size)
                self._keep(name, now, ready, _TTL[ttl])
        return Counted(total - done, output, read, written["5m"], written["1h"])

    def _readable(self, name: bytes, now: float) -> bool:
        ready, until = self._until.get(name, (0.0, 0.0))
        return ready <= now < until

    def _keep(self, name: bytes, now: float, ready: float, ttl: float) -> None:
        """Keep or refresh; what is already readable stays so."""
        if self._readable(name, now):
            ready = now
        self._until[name] = ready, ready + ttl


def _prefixes(asked: Asked) -> Iterator[tuple[bytes, int]]:
    """(name, tokens) of the prompt up to the end of each block."""
    total = 0
    chain = blake2b(f"{asked.key}/{asked.model}".encode(), digest_size=16)
    for block in asked.blocks:
        chain.update(_framed(block))
        total += tokens(block.text)
        yield chain.digest(), total


def _framed(block: Block) -> bytes:
    text = block.text.encode()
    return len(text).to_bytes(4, "little") + text


def _name(asked: Asked, prefix: bytes) -> bytes:
    return blake2b(f"{asked.key}/{asked.model}/".encode() + prefix, digest_size=16).digest()
