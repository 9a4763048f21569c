"""Entry point of `python -m cache`: its part of the command `switchgear`."""

import sys
from collections.abc import Sequence

from switchgear.app import cache_app
from switchgear.invocation import run_app


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 done in part, 2 the caller must change something."""
    return run_app(cache_app(), "python -m cache", arguments)


if __name__ == "__main__":
    sys.exit(main())
