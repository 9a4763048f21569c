"""What does the demo ask, and what comes back?"""

import asyncio
import contextlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from producers import RouterClient, chat
from producers.client import ReplyTimeoutError
from producers.contract import Chunk, Done, Failed, Request, codec
from producers.contract.codec import DecodeError
from producers.kafka.broker import Record

PROMPTS: Final = Path(__file__).with_name("demo_prompts.jsonl")
AT_ONCE: Final = 32
_EVERY_NTH_STREAMS: Final = 4
_REPEATED: Final = 60
_TIMEOUT_S: Final = 60
_SHORT: Final = (
    "What is the capital of France?",
    "Name three colours of the rainbow.",
    "What does a message queue do?",
    "Write a sentence about the sea.",
    "What is 7 times 6?",
    "Say hello in Spanish.",
    "Why is the sky blue?",
    "What is a semantic cache?",
    "List two uses of Redis.",
    "What is Apache Kafka?",
    "Translate 'good night' into French.",
    "What is the opposite of hot?",
)
_REPEATED_SHORT: Final = 4
_SHORT_TOKENS: Final = 48
_WARM_UP_TOKENS: Final = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """A request's end as its client saw it. took_ms: from `submit` to the last record."""

    request: Request
    reply: Done | Failed
    took_ms: float


@dataclass
class Seen:
    """Final replies by request id, counted on the topic itself, not by the client."""

    finals: Counter[str] = field(default_factory=Counter)

    def receive(self, record: Record) -> None:
        """One record of the reply topic."""
        try:
            reply = codec.decode_reply(record.value)
        except DecodeError:
            return
        if not isinstance(reply, Chunk):
            self.finals[reply.id] += 1


def traffic() -> Iterator[Request]:
    """Every prompt once, then some of them again, as real users do; every fourth is streamed."""
    lines = PROMPTS.read_text(encoding="utf-8").splitlines()
    prompts = [json.loads(line)["prompt"] for line in lines]
    for number, prompt in enumerate(itertools.chain(prompts, prompts[:_REPEATED])):
        yield chat(prompt, tenant="demo", stream=number % _EVERY_NTH_STREAMS == 0)


def local_traffic() -> Iterator[Request]:
    """A few short questions, some of them twice, for a small model on a few cores."""
    for number, prompt in enumerate(_SHORT + _SHORT[:_REPEATED_SHORT]):
        stream = number % _EVERY_NTH_STREAMS == 0
        yield chat(prompt, tenant="demo", stream=stream, max_tokens=_SHORT_TOKENS)


async def warm_up(client: RouterClient, tiers: tuple[str, ...]) -> None:
    """Returns when each tier has answered: the consumer groups have formed."""
    asked = (
        # short, since a small model on a busy machine writes a few tokens a second
        chat("Are you there?", tenant="warm-up", model=tier, max_tokens=_WARM_UP_TOKENS)
        for tier in tiers
    )
    await asyncio.gather(*(client.submit(request, timeout=_TIMEOUT_S) for request in asked))


async def send_all(
    client: RouterClient, requests: list[Request], answered: Callable[[], None]
) -> list[Answer]:
    """The answers to all requests, some at once, in the order in which they were asked.

    A request without a reply has no answer.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(request: Request) -> Answer | None:
        async with room:
            answer = await _ask(client, request)
        answered()
        return answer

    answers = await asyncio.gather(*(one(request) for request in requests))
    return [answer for answer in answers if answer is not None]


async def _ask(client: RouterClient, request: Request) -> Answer | None:
    begun = time.perf_counter()
    with contextlib.suppress(ReplyTimeoutError):
        async for part in client.stream(request, timeout=_TIMEOUT_S):
            if not isinstance(part, Chunk):
                return Answer(request, part, (time.perf_counter() - begun) * 1000)
    return None
