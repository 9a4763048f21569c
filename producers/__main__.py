"""Command-line client: sends one prompt and prints the reply, `python -m producers "Hello"`."""

import argparse
import asyncio
import json
import sys

from .client import RouterClient, chat
from .contract import Chunk, Done, Failed, answer_text


def main() -> int:
    """Exit status 0 for an answer, 1 for a failure."""
    options = _options()
    return asyncio.run(_send(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="producers", description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--model", default="auto", help="a tier, a model, or auto")
    parser.add_argument("--stream", action="store_true", help="print the answer as it comes")
    parser.add_argument("--timeout", type=float, default=60, help="seconds")
    return parser.parse_args()


async def _send(options: argparse.Namespace) -> int:
    request = chat(
        options.prompt, tenant=options.tenant, model=options.model, stream=options.stream
    )
    async with RouterClient.connect() as client:
        async for part in client.stream(request, timeout=options.timeout):
            match part:
                case Chunk(delta=delta):
                    print(delta.get("content") or "", end="", flush=True)
                case Done():
                    print(_answer(part, streamed=options.stream))
                    return 0
                case Failed(code=code, message=message):
                    print(f"{code}: {message}", file=sys.stderr)
    return 1


def _answer(done: Done, *, streamed: bool) -> str:
    content = "" if streamed else (answer_text(done.body) or "")
    facts = {
        "tier": done.route.tier,
        "deployment": done.route.deployment,
        "cache": done.cache.result,
        "cost_micro_usd": str(done.cost_micro_usd),
        "total_ms": round(done.timings.total_ms, 1),
        "trace_id": done.trace_id,
    }
    return f"{content}\n{json.dumps(facts)}"


if __name__ == "__main__":
    sys.exit(main())
