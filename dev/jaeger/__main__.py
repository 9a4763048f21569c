"""`python -m dev.jaeger --build`: build it; without --build, run it until Ctrl-C."""

import argparse
import signal
from pathlib import Path

from dev.jaeger import binary, jaeger


def main() -> None:
    """Builds when needed."""
    parser = argparse.ArgumentParser(prog="python -m dev.jaeger", description=__doc__)
    parser.add_argument("--build", action="store_true", help="only build")
    parser.add_argument("--port", type=int, default=16686, help="of the page and the query API")
    parser.add_argument("--otlp-port", type=int, default=4318, help="of OTLP over HTTP")
    options = parser.parse_args()
    if options.build:
        print(binary())
        return
    server = jaeger(Path("var/jaeger"), options.port, options.otlp_port)
    server.start()
    print(f"{server.page} shows what is sent to {server.otlp}", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.stop()


if __name__ == "__main__":
    main()
