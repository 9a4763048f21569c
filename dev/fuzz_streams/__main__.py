"""Fuzzing of stream readers: recorded streams of every dialect, split and damaged at random.

`python -m dev.fuzz_streams --count 1000000 --seed 1` (`make fuzz`). Of every damaged stream holds:

- Any split into chunks ends alike.
- It ends as an answer or as one failure that the shell knows; nothing else is raised.
- An answer says what its deltas said: who read along and who waited have the same.
- Damage never makes an answer shorter than what the stream lost itself. A whole event that is
  lost can't be seen in any dialect, so there only the other laws are checked.

A violation is told by its number: `--only NUMBER` runs that one again.
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import machine
from dev.fuzz_streams.laws import attempt
from dev.fuzz_streams.recordings import DIALECTS


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the mutations of one dialect."""

    dialect: str
    endings: Counter[str]
    broken: list[str]
    seconds: float


def run(dialect: str, seed: int, numbers: range) -> Tally:
    """The mutations with these numbers."""
    began = time.process_time()
    endings, broken = Counter[str](), list[str]()
    for number in numbers:
        name, ending, laws = attempt(dialect, seed, number)
        endings[ending] += 1
        broken += [f"{dialect} {number} {name}: {law}" for law in laws]
    return Tally(dialect, endings, broken, time.process_time() - began)


def run_all(count: int, seed: int, processes: int, step: int = 10_000) -> list[Tally]:
    """`count` mutations of each dialect."""
    tallies = []
    with ProcessPoolExecutor(processes) as pool:
        for dialect in DIALECTS:
            ranges = [range(n, min(n + step, count)) for n in range(0, count, step)]
            parts = list(pool.map(partial(run, dialect, seed), ranges))
            endings = sum((part.endings for part in parts), Counter[str]())
            broken = [law for part in parts for law in part.broken]
            tallies.append(Tally(dialect, endings, broken, sum(part.seconds for part in parts)))
            print(f"{dialect:<10} {endings.total():>9,} {dict(endings)}", flush=True)
            print("\n".join(broken[:20]), end="\n" if broken else "", flush=True)
    return tallies


def main() -> None:
    """Run, print each dialect's figures, write them; exit status 1 when a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutations of each dialect")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--dialect", choices=DIALECTS, default="openai", help="for --only")
    parser.add_argument("--only", type=int, help="this mutation alone")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(attempt(arguments.dialect, arguments.seed, arguments.only))
        return
    tallies = run_all(arguments.count, arguments.seed, arguments.processes)
    if arguments.out is not None:
        rows = [
            {
                "dialect": tally.dialect,
                "mutations": tally.endings.total(),
                "endings": dict(sorted(tally.endings.items())),
                "violations": len(tally.broken),
                "cpu_s": round(tally.seconds, 1),
            }
            for tally in tallies
        ]
        told = {"machine": machine.description(), "seed": arguments.seed, "rows": rows}
        arguments.out.write_text(json.dumps(told, indent=2) + "\n")
    sys.exit(any(tally.broken for tally in tallies))


if __name__ == "__main__":
    main()
