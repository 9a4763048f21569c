"""How does a backend service behave that sends requests at a steady rate, whatever happens?

Runs as a process of its own: `python -m tests.chaos.traffic KAFKA RATE FILE`, until SIGTERM, and
then until all that was begun has its end. Each request becomes a line of FILE once its fate with
this client is known. Most are published and answered to whoever listens; every tenth is awaited
here, a fifth is streamed, a tenth may be answered by the cache, a tenth has a deadline, and a
twentieth asks for its turn in a conversation. Two tenants share the cached questions, each in its
own spelling, which the cache takes for the same question and the provider doesn't.
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, TextIO

import uvloop

from producers.client import ReplyTimeoutError, RouterClient, chat
from producers.contract import Request
from producers.kafka.broker import PublishFailedError
from producers.settings import ClientSettings
from tests.chaos.callers import answer_digest
from tests.chaos.pace import paced

_WAIT_S: Final = 120.0
_MOST_TOKENS: Final = 40
SPELLS_ITS_OWN_WAY: Final = "shopper-1"


def request_of(number: int) -> Request:
    """The request number `number`: what it is follows from the number."""
    cached = number % 10 == 3
    shopper = f"shopper-{number // 10 % 2}"
    subject = number // 20 % 50 if cached else number
    question = f"Describe shelf {subject} of the store in a few words."
    if cached and shopper == SPELLS_ITS_OWN_WAY:
        question = question.removesuffix(".")
    routing: dict[str, Any] = {}
    if number % 10 == 7:
        routing["deadline_ms"] = 600_000
    ordered = number % 20 == 11
    if ordered:
        routing |= {"conversation": f"talk-{number // 100}", "ordered": True}
    return chat(
        question,
        tenant="talker" if ordered else shopper if cached else f"tenant-{number % 3}",
        model="standard" if number % 3 == 0 and not ordered else "economy",
        stream=number % 5 == 1,
        # an answer that was cut short isn't cached
        max_tokens=None if cached else _MOST_TOKENS,
        routing=routing,
    )


async def send(client: RouterClient, number: int, out: TextIO) -> None:
    """Sends one request and notes what became of it."""
    request, sent = request_of(number), time.time()
    line: dict[str, Any] = {"id": request.id, "sent": sent, "talk": request.routing.conversation}
    question, most = request.body.messages[-1]["content"], request.body.max_tokens
    line |= {"tenant": request.tenant, "right": answer_digest(str(question), most)}
    try:
        if number % 10 == 0:
            reply = await client.submit(request, timeout=_WAIT_S)
            line |= {"awaited": reply.type, "acked": time.time()}
        else:
            await client.publish(request)
            line |= {"acked": time.time()}
    except (PublishFailedError, ReplyTimeoutError) as error:
        line |= {"error": f"{type(error).__name__}: {error}"}
    out.write(json.dumps(line) + "\n")
    out.flush()


async def main(kafka: str, rate: float, file: Path) -> None:
    """Sends at `rate` per second until SIGTERM; a delay is caught up with."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = ClientSettings(kafka=kafka, client_id="chaos-traffic")
    with file.open("a", encoding="utf-8") as out:
        async with RouterClient.connect(settings) as client, asyncio.TaskGroup() as sending:
            async for number in paced(rate, stop):
                sending.create_task(send(client, number, out))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))
