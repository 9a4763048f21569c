"""The cache's commands: judge pairs, show statistics, invalidate, calibrate.

python -m cache judge --input pairs.jsonl --output judged.jsonl [--target 0.05]
python -m cache calibrate --input labelled.jsonl
python -m cache stats --tenant acme
python -m cache invalidate --tenant acme (--tag docs | --entry ID | --all)
"""

import argparse
import sys
from pathlib import Path

from cache.commands import COMMANDS, CommandError


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 done but something was unusable, 2 not done."""
    parser = argparse.ArgumentParser(prog="python -m cache", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, help="default: SWITCHGEAR_CONFIG")
    kinds = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.declare(kinds.add_parser(name, help=command.help))
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except CommandError as error:
        print(f"python -m cache {options.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
