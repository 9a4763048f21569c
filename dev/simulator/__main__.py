"""`python -m dev.simulator --port 8900`: simulated LLM providers until SIGTERM.

Base URLs: http://HOST:PORT/openai/v1, /mistral/v1, /self/v1, /azure, /anthropic, /bedrock.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop
from aiohttp import web

from .answers import Script
from .server import Simulator


async def serve(simulator: Simulator, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    runner = web.ServerRunner(web.Server(simulator.handle, access_log=None), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    await site.start()
    bound = runner.addresses[0][1]
    print(f"simulated providers on http://{host}:{bound}: no real model is asked", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m dev.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--script", type=Path, help="JSONL of known prompts and answers")
    parser.add_argument("--control", help="a first control message, as JSON")
    arguments = parser.parse_args()
    lines = arguments.script.read_text("utf-8").splitlines() if arguments.script else ()
    simulator = Simulator(arguments.seed, Script(lines))
    if arguments.control:
        simulator.settings.set(json.loads(arguments.control))
    uvloop.run(serve(simulator, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
