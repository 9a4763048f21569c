"""One process of litellm's Router under the same load. Run by the peer's own Python.

Configured as its documentation advises: deployments of one group in order of preference, retries,
its default cooldowns, shared over Redis; the tier above as the group's fallback; a time-out of 3 s,
because its default would outlast every deadline. Says `ready`, waits for a line, and prints what
became of its requests.
"""

import asyncio
import json
import logging
import os
import sys

from load import Asked, offer  # type: ignore[import-not-found]

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no look-up on the network
import litellm

TIMEOUT_S = 3
RETRIES = 3


def _deployment(group: str, model: str, base: str, order: int) -> dict[str, object]:
    params = {"model": model, "api_base": base, "api_key": "sk-simulated", "order": order}
    return {"model_name": group, "litellm_params": params}


def _router(simulator: str, redis: str) -> litellm.Router:
    return litellm.Router(
        model_list=[
            _deployment("economy", "mistral/mistral-small-2501", f"{simulator}/mistral/v1", 1),
            _deployment("economy", "openai/gpt-4o-mini", f"{simulator}/openai/v1", 2),
            _deployment("economy", "anthropic/claude-haiku-4-5", f"{simulator}/anthropic", 3),
            _deployment("standard", "openai/gpt-4o", f"{simulator}/openai/v1", 1),
        ],
        fallbacks=[{"economy": ["standard"]}],
        num_retries=RETRIES,
        timeout=TIMEOUT_S,
        redis_url=redis,
    )


async def _load(told: dict[str, object]) -> list[Asked]:
    router = _router(str(told["simulator"]), str(told["redis"]))

    async def ask(number: int, _seconds: float) -> str:
        messages = [{"role": "user", "content": f"question {number}"}]
        await router.acompletion(model="economy", messages=messages, max_tokens=50)
        return "ok"

    await ask(-1, 60)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    per_s, seconds, deadline_s = (float(str(told[n])) for n in ("per_s", "seconds", "deadline_s"))
    asked: list[Asked] = await offer(ask, per_s, seconds, deadline_s)
    return asked


def main() -> None:
    """Read what to do from the first argument."""
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(_load(json.loads(sys.argv[1])))), flush=True)
    os._exit(0)  # its background threads would outlive it


if __name__ == "__main__":
    main()
