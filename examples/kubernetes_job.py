"""Answer a file of prompts as a job that may die at any moment: no prompt is paid twice.

Each prompt's key is the job's name and the prompt's number, so that a pod which takes another
one's place gets the answers that are there already, and has the others made.

    pip install openai
    export OPENAI_BASE_URL=http://localhost:8080/v1 OPENAI_API_KEY=none
    JOB_NAME=summaries-1 python kubernetes_job.py prompts.txt > answers.jsonl
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from openai import APIStatusError, AsyncOpenAI

AT_ONCE = 32
PATIENCE = 20
"""Retries of a call: a gateway that restarts is a few seconds away."""


async def main(prompts: list[str]) -> int:
    """Print a line for each prompt; the exit code is 1 if one of them has no answer."""
    job, places, failed = os.environ["JOB_NAME"], asyncio.Semaphore(AT_ONCE), 0

    async def answer(client: AsyncOpenAI, number: int, prompt: str) -> None:
        nonlocal failed
        async with places:
            line: dict[str, object] = {"prompt": number}
            try:
                created = await client.chat.completions.create(
                    model="auto",
                    messages=[{"role": "user", "content": prompt}],
                    extra_headers={"Idempotency-Key": f"{job}-{number}"},
                )
                line |= {"answer": created.choices[0].message.content, "id": created.id}
            except APIStatusError as error:
                failed += 1
                line |= {"error": error.code, "message": error.message}
            print(json.dumps(line), flush=True)

    async with AsyncOpenAI(max_retries=PATIENCE) as client, asyncio.TaskGroup() as tasks:
        for number, prompt in enumerate(prompts):
            tasks.create_task(answer(client, number, prompt))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).read_text("utf-8").splitlines())))
