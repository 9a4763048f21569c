"""`python -m tests.chaos`: kills things under load, and counts what was lost.

Prints a table and writes it as JSON. The exit status is 1 when a promise was broken.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.chaos.faults import brief, sequence
from tests.chaos.report import show, verdict
from tests.chaos.run import Plan, as_json, carry_out


def named(fault: str, texts: str) -> bool:
    """Whether the fault's name has one of the texts, which are separated by commas."""
    return any(text in fault for text in texts.split(","))


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="at least so many")
    parser.add_argument("--faults", type=int, default=32, help="0: one of each family")
    parser.add_argument("--rate", type=float, default=40, help="requests per second")
    parser.add_argument("--minutes", type=float, default=60, help="end then, done or not")
    parser.add_argument("--only", default="", help="faults whose name has one of these texts")
    parser.add_argument("--seed", type=int, default=0, help="of the order; 0: as written down")
    parser.add_argument("--folder", type=Path, help="for logs; default: below var/chaos")
    parser.add_argument("--output", type=Path, default=Path("bench/results/chaos.json"))
    options = parser.parse_args()
    folder = options.folder or Path("var/chaos") / time.strftime("%Y%m%dT%H%M%S")
    faults = sequence(options.faults, options.seed) if options.faults else brief()
    faults = [fault for fault in faults if named(fault.name, options.only)]
    plan = Plan(faults, options.requests, options.rate, options.minutes, options.seed)
    told = verdict(carry_out(plan, folder.absolute()))
    show(Console(), told)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(as_json(told), encoding="utf-8")
    return 1 if told["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
