"""Submit one request and await its reply.

pip install switchgear-client
export SWITCHGEAR_KAFKA=localhost:9092
python submit.py "Is this spam? You have won a prize."
"""

import asyncio
import sys

from switchgear_client import Done, Failed, ReplyTimeoutError, RouterClient, chat


async def main(prompt: str) -> int:
    """Print the answer and what it cost; exit status 0 for an answer, 1 for none."""
    request = chat(
        prompt,
        tenant="examples",
        max_tokens=200,
        # all of it is optional; `model="economy"` or a model's name would bind the router
        routing={"min_quality": 0.7, "deadline_ms": 30_000, "tags": {"team": "docs"}},
    )
    async with RouterClient.connect() as client:
        try:
            reply = await client.submit(request, timeout=30)
        except ReplyTimeoutError as error:
            print(f"too late: {error}", file=sys.stderr)
            return 1
        match reply:
            case Done():
                print(reply.body["choices"][0]["message"]["content"])
                print(f"{reply.route.model}: {reply.cost_micro_usd} micro-dollars", file=sys.stderr)
                await client.rate(request.tenant, reply, good=1.0)  # the router learns from it
                return 0
            case Failed(code=code, message=message, retryable=retryable):
                hint = "try again later" if retryable else "change the request"
                print(f"{code}: {message} ({hint})", file=sys.stderr)
                return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
