"""Fuzzing of readers: `python -m dev.fuzz_readers --count 1000000 --seed 1` (`make fuzz`).

Of every input holds: its reader raises nothing that its process doesn't expect, and takes less than
50 ms of CPU (2 s for the configuration, 150 ms for a
batch). A finding is told by its reader, seed and number: `--only READER SEED NUMBER` shows
that input and reads it again. `--large` reads large inputs instead (fewer: `--count 2000`).
"""

import argparse
import json
import logging
import sys
import warnings
from collections import deque
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from bench import machine
from dev.fuzz_readers.readers import READERS
from dev.fuzz_readers.running import Tally, input_of, run
from runtime.process.process import collect_garbage_less_often

_STEP: Final = 20_000
_LARGE_STEP: Final = 200


def _quiet() -> None:
    """As in a process of ours; but what a reader logs of each input isn't of interest here."""
    collect_garbage_less_often()
    logging.disable()
    warnings.simplefilter("ignore")


def _part(name: str, seed: int, large: bool, numbers: range) -> Tally:  # noqa: FBT001 for partial
    return run(READERS[name], seed, numbers, large=large)


def run_all(
    names: list[str], count: int, seed: int, processes: int, *, large: bool = False
) -> list[Tally]:
    """`count` inputs for each reader."""
    tallies = []
    with ProcessPoolExecutor(processes, initializer=_quiet) as pool:
        for name in names:
            total = Tally(name)
            step = _LARGE_STEP if large else _STEP
            ranges = [range(n, min(n + step, count)) for n in range(0, count, step)]
            for part in pool.map(partial(_part, name, seed, large), ranges):
                total.add(part)
            tallies.append(total)
            shown = f"{total.crashes} crashes, {total.stalls} stalls, {total.slowest_ms:.0f} ms"
            print(f"{name:<22}{total.inputs:>10,}  {shown}", flush=True)
            print("\n".join(total.findings), end="\n" if total.findings else "", flush=True)
    return tallies


def main() -> None:
    """Run, print each reader's figures, write them; exit status 1 when there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--reader", choices=READERS, action="append", help="these alone")
    parser.add_argument("--only", nargs=3, metavar=("READER", "SEED", "NUMBER"))
    parser.add_argument("--large", action="store_true", help="large inputs")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if chosen.only is not None:
        name, seed, number = chosen.only[0], int(chosen.only[1]), int(chosen.only[2])
        data = input_of(READERS[name], seed, number, large=chosen.large)
        print(data)
        for read in READERS[name].reads:
            steps = read(data)
            if isinstance(steps, Generator):
                deque(steps, maxlen=0)
        return
    names = chosen.reader or list(READERS)
    tallies = run_all(names, chosen.count, chosen.seed, chosen.processes, large=chosen.large)
    if chosen.out is not None:
        rows = [asdict(tally) for tally in tallies]
        figures = {
            "machine": machine.description(),
            "seed": chosen.seed,
            "large": chosen.large,
            "rows": rows,
        }
        chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(any(tally.crashes or tally.stalls for tally in tallies))


if __name__ == "__main__":
    main()
