"""Stream an answer token by token, and survive the loss of the worker that writes it.

pip install switchgear-client
export SWITCHGEAR_KAFKA=localhost:9092
python stream.py "Tell me how a circuit breaker works."
"""

import asyncio
import sys

from switchgear_client import Chunk, Done, Failed, RouterClient, chat


async def main(prompt: str) -> int:
    """Print the answer as it comes; exit status 0 for an answer, 1 for none."""
    request = chat(prompt, tenant="examples", stream=True, max_tokens=200)
    run = 0
    async with RouterClient.connect() as client:
        async for part in client.stream(request, timeout=60):
            match part:
                case Chunk():
                    if part.run > run:
                        # another worker took over and begins anew: what came before is void
                        run = part.run
                        print("\n--- again from the beginning ---")
                    print(part.delta.get("content") or "", end="", flush=True)
                case Done():
                    print(f"\nfirst token after {part.timings.first_token_ms} ms", file=sys.stderr)
                    return 0
                case Failed(code=code, message=message):
                    print(f"\n{code}: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
