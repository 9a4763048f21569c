"""Fuzzing of stream readers: recorded streams of every dialect, split and damaged at random.

`python -m dev.fuzz_streams --count 1000000 --seed 1` (`make fuzz`). Of every damaged stream holds:

- Any split into chunks ends alike.
- It ends as an answer or as one failure that the shell knows; nothing else is raised.
- An answer says what its deltas said: who read along and who waited have the same.
- Damage never makes an answer shorter than what the stream lost itself. A whole event that is
  lost can't be seen in any dialect, so there only the other laws are checked.

A violation is told by its number: `--only NUMBER` runs that one again. SIGTERM or Ctrl-C ends a run
early: what was done until then is printed and written, with its true count.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import machine
from dev.fuzz_streams.laws import attempt
from dev.fuzz_streams.recordings import DIALECTS

_STEP: Final = 2_000
"""Mutations between two looks at whether the run shall end."""


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


def run_dialect(
    dialect: str, count: int, seed: int, processes: int, ended: Callable[[], bool]
) -> Tally:
    """Up to `count` mutations of a dialect, fewer when `ended` says so between two steps."""
    endings, broken, seconds = Counter[str](), list[str](), 0.0
    for part in _parts(dialect, count, seed, processes, ended):
        endings += part.endings
        broken += part.broken
        seconds += part.seconds
    return Tally(dialect, endings, broken, seconds)


def _parts(
    dialect: str, count: int, seed: int, processes: int, ended: Callable[[], bool]
) -> Iterator[Tally]:
    step = partial(run, dialect, seed)
    ranges = [range(n, min(n + _STEP, count)) for n in range(0, count, _STEP)]
    if processes == 1:
        for numbers in ranges:
            if ended():
                return
            yield step(numbers)
        return
    with ProcessPoolExecutor(processes, initializer=_leave_signals_to_the_parent) as pool:
        for part in pool.map(step, ranges):
            yield part
            if ended():
                pool.shutdown(wait=True, cancel_futures=True)
                return


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def row_of(tally: Tally, seed: int) -> dict[str, Any]:
    """A tally as a row of the results."""
    return {
        "dialect": tally.dialect,
        "seed": seed,
        "mutations": tally.endings.total(),
        "endings": dict(sorted(tally.endings.items())),
        "violations": len(tally.broken),
        "cpu_s": round(tally.seconds, 1),
    }


def write(path: Path, row: Mapping[str, Any]) -> None:
    """Puts `row` into the results in place of its dialect's; runs side by side may share a file."""
    with path.open("a+") as file:
        flock(file, LOCK_EX)
        file.seek(0)
        rows = json.loads(file.read() or "{}").get("rows", [])
        rows = [*(each for each in rows if each["dialect"] != row["dialect"]), row]
        rows.sort(key=lambda each: list(DIALECTS).index(each["dialect"]))
        file.truncate(0)
        file.write(json.dumps({"machine": machine.description(), "rows": rows}, indent=2) + "\n")


def main() -> None:
    """Run, print each dialect's figures, write them; exit status 1 when a law was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutations of each dialect")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--dialect", choices=DIALECTS, nargs="+", default=list(DIALECTS))
    parser.add_argument("--only", type=int, help="this mutation of the first dialect alone")
    parser.add_argument("--out", type=Path, help="results, whose rows of these dialects change")
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(attempt(arguments.dialect[0], arguments.seed, arguments.only))
        return
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: signals.append(got))
    broken = False
    for dialect in arguments.dialect:
        tally = run_dialect(
            dialect, arguments.count, arguments.seed, arguments.processes, lambda: bool(signals)
        )
        if not tally.endings:
            break
        print(f"{dialect:<10} {tally.endings.total():>9,} {dict(tally.endings)}", flush=True)
        print("\n".join(tally.broken[:20]), end="\n" if tally.broken else "", flush=True)
        broken = broken or bool(tally.broken)
        if arguments.out is not None:
            write(arguments.out, row_of(tally, arguments.seed))
    sys.exit(broken)


if __name__ == "__main__":
    main()
