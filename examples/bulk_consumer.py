"""Publish many requests at once, and let a consumer group take the replies.

Start it on several machines: the members share the replies, each comes at least once, and what a
member was handling when it crashed comes again.

    pip install switchgear-client
    export SWITCHGEAR_KAFKA=localhost:9092
    python bulk_consumer.py prompts.txt        # a prompt a line
"""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from switchgear_client import Done, Failed, RouterClient, chat

AT_ONCE = 500
"""Records on their way to the broker: enough to fill its batches, few enough to hold."""


async def publish(client: RouterClient, prompts: Iterable[str], ids: set[str]) -> None:
    """Every prompt as a request that may wait; `ids` gets theirs before they are sent."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def send(prompt: str) -> None:
        request = chat(prompt, tenant="examples", routing={"latency": "batch"})
        ids.add(request.id)
        async with gate:
            await client.publish(request)

    async with asyncio.TaskGroup() as group:
        for prompt in prompts:
            group.create_task(send(prompt))


async def main(prompts: Iterable[str]) -> None:
    """Publish the prompts, then print replies until all of them are answered."""
    waiting: set[str] = set()
    async with RouterClient.connect() as client:
        await publish(client, prompts, waiting)
        async for reply in client.replies(group="examples-bulk"):
            if reply.id in waiting and isinstance(reply, Done | Failed):
                waiting.discard(reply.id)
                answer = reply.body["choices"][0]["message"] if isinstance(reply, Done) else reply
                print(reply.id, answer)
            if not waiting:
                return


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
