"""Take part without the client: any Kafka client and JSON are enough (docs/contract.md).

    pip install aiokafka
    python plain_kafka_client.py localhost:9092 "What is a consumer group?"

The same in any language: write to `llm.requests`, read `llm.replies`, go by the request's id.
"""

import asyncio
import json
import os
import sys
import time
import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def ask(bootstrap: str, prompt: str, timeout_s: float = 30) -> dict[str, object]:
    """The final reply as the object that it is on the wire. Raises TimeoutError."""
    request_id = uuid.uuid4().hex
    message = {"role": "user", "content": prompt}
    request = {"id": request_id, "tenant": "examples", "body": {"messages": [message]}}
    deadline_ms = int((time.time() + timeout_s) * 1000)
    headers = [("correlation_id", request_id), ("x-deadline", str(deadline_ms))]
    if token := os.environ.get("SWITCHGEAR_TENANT_TOKEN"):  # where identity is `signed`
        headers.append(("x-tenant-token", token))
    async with (
        AIOKafkaConsumer("llm.replies", bootstrap_servers=bootstrap) as replies,
        AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as requests,
        asyncio.timeout(timeout_s),
    ):
        # the positions are settled before the request is written, so its reply can't be missed
        for partition in replies.assignment():
            await replies.position(partition)
        await requests.send_and_wait(
            "llm.requests",
            json.dumps(request).encode(),
            key=request_id.encode(),
            headers=[(name, value.encode()) for name, value in headers],
        )
        async for record in replies:
            if record.key == request_id.encode():
                reply: dict[str, object] = json.loads(record.value)
                if reply["type"] != "chunk":
                    return reply
    raise TimeoutError


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2])), indent=2))
