"""How do HTTP callers behave that use OpenAI's SDK at two gateways, whatever happens to them?

Runs as a process of its own: `python -m tests.chaos.callers GATEWAYS RATE FILE`, until SIGTERM, and
then until all that was begun has its end. Each call has a key of its own, by which its request is
known beforehand, and becomes a line of FILE once its fate is known. Half are streams, which no SDK
repeats: a torn one is asked for again by its key, at the other gateway.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TextIO

import openai
import uvloop

from dev.simulator.answers import prose
from dev.simulator.exchange import tokens
from gateway.demands.request_id import keyed_request_id
from tests.chaos.pace import paced

TENANT: Final = "web"
_PATIENCE_S: Final = 300.0
_PAUSE_S: Final = 0.5
_MOST_TOKENS: Final = 40


class UnfinishedStreamError(Exception):
    """The stream's body ended, and its answer didn't."""


def text_digest(text: str) -> str:
    """By which two texts are compared."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def answer_digest(question: str, max_tokens: int | None) -> str:
    """Of the text that the simulator answers to this question, and to no other."""
    text = prose(question, seed=0)
    whole = max_tokens is None or tokens(text) <= max_tokens
    return text_digest(text if whole else text.encode()[: (max_tokens or 0) * 4].decode())


def call_of(number: int, key: str) -> dict[str, Any]:
    """The arguments of call number `number`: no other one is like it."""
    question = f"Describe the window {number} of the shop {key} in a few words."
    return {
        "model": "standard" if number % 3 == 0 else "economy",
        "messages": [{"role": "user", "content": question}],
        "max_tokens": _MOST_TOKENS,
        "extra_headers": {"Idempotency-Key": key},
    }


async def answer(client: openai.AsyncOpenAI, call: dict[str, Any], *, stream: bool) -> str:
    """The whole text. Raises openai.APIError, UnfinishedStreamError."""
    if not stream:
        created = await client.chat.completions.create(**call)
        return created.choices[0].message.content or ""
    text = ""
    async for event in await client.chat.completions.create(**call, stream=True):
        choice = event.choices[0]
        text += choice.delta.content or ""
        if choice.finish_reason:
            return text
    raise UnfinishedStreamError


async def ask(clients: Sequence[openai.AsyncOpenAI], number: int, out: TextIO) -> None:
    """Asks until there is an answer, and notes which."""
    key, sent = f"{int(time.time() * 1000)}-{number}", time.time()
    call = call_of(number, key)
    line: dict[str, Any] = {"id": keyed_request_id(TENANT, key), "sent": sent, "caller": True}
    question = call["messages"][0]["content"]
    line |= {"tenant": TENANT, "right": answer_digest(question, _MOST_TOKENS)}
    tries = 0
    while True:
        client = clients[(number + tries) % len(clients)]
        tries += 1
        try:
            text = await answer(client, call, stream=number % 2 == 1)
        except (openai.APIError, UnfinishedStreamError) as error:
            status = getattr(error, "status_code", None) or 500
            final = status < 500 and status not in (408, 429)
            if final or time.time() > sent + _PATIENCE_S:
                line |= {"error": f"{type(error).__name__}: {error}"}
                line |= {"code": getattr(error, "code", None)}
                break
            await asyncio.sleep(_PAUSE_S)
        else:
            line |= {"acked": time.time(), "told": text_digest(text)}
            break
    out.write(json.dumps(line | {"tries": tries}) + "\n")
    out.flush()


async def main(gateways: Sequence[str], rate: float, file: Path) -> None:
    """Asks at `rate` per second until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with file.open("a", encoding="utf-8") as out:
        async with AsyncExitStack() as opened:
            clients = [
                await opened.enter_async_context(
                    openai.AsyncOpenAI(base_url=f"{gateway}/v1", api_key="none", timeout=60)
                )
                for gateway in gateways
            ]
            async with asyncio.TaskGroup() as asking:
                async for number in paced(rate, stop):
                    asking.create_task(ask(clients, number, out))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1].split(","), float(sys.argv[2]), Path(sys.argv[3])))
