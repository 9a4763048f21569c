"""Caller of whichever version is on its path: asks at a steady pace until SIGTERM.

python caller.py NAME: a JSON line for each answer, {"id", "type", "code"}, and at the end how many
were asked.
"""

import asyncio
import json
import signal
import sys

from producers import ClientSettings, RouterClient, chat

IN_FLIGHT = 8


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(name: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    asked = 0

    async def ask(client: RouterClient) -> None:
        nonlocal asked
        while not stop.is_set():
            asked += 1
            # unlike each other, so that the cache answers none
            request = chat(f"{name} counts to {asked}.", tenant=name, model="economy")
            reply = await client.submit(request, timeout=90)
            line = {"id": request.id, "type": reply.type, "code": getattr(reply, "code", None)}
            say(json.dumps(line))
            await asyncio.sleep(0.1)

    async with RouterClient.connect(ClientSettings()) as client, asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(ask(client))
    say(json.dumps({"asked": asked}))


asyncio.run(main(sys.argv[1]))
