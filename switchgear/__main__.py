"""Entry point of the command `switchgear`, and of `python -m switchgear`."""

import sys
from collections.abc import Sequence

from switchgear.app import switchgear_app
from switchgear.invocation import run_app


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 done in part, 2 the caller must change something."""
    return run_app(switchgear_app(), "switchgear", arguments)


if __name__ == "__main__":
    sys.exit(main())
