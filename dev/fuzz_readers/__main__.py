"""Fuzzing of readers: `python -m dev.fuzz_readers --count 1000000 --seed 1` (`make fuzz`).

Of every input holds: its reader raises nothing that its process doesn't expect, and takes less than
50 ms of CPU (2 s for the configuration, 150 ms for a
batch). A finding is told by its reader, seed and number: `--only READER SEED NUMBER` shows
that input and reads it again.
"""

import argparse
import json
import logging
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

from bench import machine
from dev.fuzz_readers.readers import READERS
from dev.fuzz_readers.running import Tally, input_of, run

_STEP: Final = 20_000


def _quiet() -> None:
    """What a reader logs of each input isn't of interest here."""
    logging.disable()
    warnings.simplefilter("ignore")


def _part(name: str, seed: int, numbers: range) -> Tally:
    return run(READERS[name], seed, numbers)


def run_all(names: list[str], count: int, seed: int, processes: int) -> list[Tally]:
    """`count` inputs for each reader."""
    tallies = []
    with ProcessPoolExecutor(processes, initializer=_quiet) as pool:
        for name in names:
            total = Tally(name)
            ranges = [range(n, min(n + _STEP, count)) for n in range(0, count, _STEP)]
            for part in pool.map(partial(_part, name, seed), ranges):
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
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if chosen.only is not None:
        name, seed, number = chosen.only[0], int(chosen.only[1]), int(chosen.only[2])
        print(input_of(READERS[name], seed, number))
        READERS[name].read(input_of(READERS[name], seed, number))
        return
    tallies = run_all(chosen.reader or list(READERS), chosen.count, chosen.seed, chosen.processes)
    if chosen.out is not None:
        rows = [asdict(tally) for tally in tallies]
        figures = {"machine": machine.description(), "seed": chosen.seed, "rows": rows}
        chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(any(tally.crashes or tally.stalls for tally in tallies))


if __name__ == "__main__":
    main()
