"""`python -m bench.resilience`: the scenarios of docs/resilience.md, one table, and JSON.

    python -m bench.resilience                      every scenario, Switchgear and litellm
    python -m bench.resilience --only 2 --only 8    some of them
    python -m bench.resilience --ours               without the peers

Simulated providers, real Apache Kafka and Redis. Each scenario starts with fresh worker processes.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from rich.console import Console
from rich.table import Table

from bench.resilience.figures import Figures, PriceOf, Run, figures
from bench.resilience.load import offer
from bench.resilience.ours import switchgear
from bench.resilience.peers import LITELLM, Offered, litellm_router
from bench.resilience.scenario import (
    DEADLINE_S,
    PER_S,
    SCENARIOS,
    USUAL,
    WARM_UP_S,
    Scenario,
)
from bench.resilience.stack import World, world
from observability.price_lists import load_price_book
from producers.contract import Usage
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing

RESULTS: Final = Path(__file__).parents[1] / "results" / "resilience.json"
System: TypeAlias = Callable[[World, Scenario], AbstractAsyncContextManager[Offered]]


@asynccontextmanager
async def _switchgear(there: World, scenario: Scenario) -> AsyncIterator[Offered]:
    async with switchgear(there, scenario.workers) as ask:
        yield partial(offer, ask, PER_S, scenario.seconds, DEADLINE_S)


def _litellm(there: World, scenario: Scenario) -> AbstractAsyncContextManager[Offered]:
    return litellm_router(there, scenario.workers, scenario.seconds)


SYSTEMS: Final[dict[str, System]] = {"switchgear": _switchgear, LITELLM: _litellm}


async def run(there: World, name: str, scenario: Scenario) -> Run:
    """One scenario with one system, from fresh processes to the last reply."""
    simulator = there.simulator
    simulator.control(reset=True)
    simulator.control(**USUAL)
    async with SYSTEMS[name](there, scenario) as offered:
        seen = len(simulator.calls())
        asked = asyncio.ensure_future(offered())
        await asyncio.sleep(WARM_UP_S)
        fault_at = time.time()
        for told in scenario.faults:
            simulator.control(**told)
        if scenario.redis_down:
            there.redis.kill()
        await asyncio.sleep(fault_at + scenario.fault_s - time.time())
        for told in scenario.undo:
            simulator.control(**told)
        if scenario.redis_down:
            there.redis.start()
        undone_at = time.time()
        done = await asked
    load = os.getloadavg()[0]
    return Run(name, scenario, done, simulator.calls()[seen:], fault_at, undone_at, load)


def price_of() -> PriceOf:
    """Prices of the models in switchgear.yaml, by their names on the wire."""
    catalog = parse_config(Path("switchgear.yaml").read_text(encoding="utf-8"))
    pricing = Pricing(load_price_book())
    named = {entry.wire_model or entry.model: entry for entry in catalog.deployments.values()}

    def price(model: str, prompt: int, answer: int) -> float:
        usage = Usage(input_uncached=prompt, output=answer)
        return float((pricing.price_of(named[model], usage) or Decimal(0)) / 1_000_000)

    return price


def table(rows: Sequence[Figures]) -> Table:
    """The rows as people read them."""
    columns = ("scenario", "system", "answered", "p50", "p99", "wasted", "reroute", "return")
    title = f"{PER_S:.0f} requests/s, deadline {DEADLINE_S:.0f} s, {os.cpu_count()} cores"
    shown = Table(*columns, "cost", "load", title=title)
    for row in rows:
        shown.add_row(
            row.scenario,
            row.system,
            f"{row.answered:.2%}",
            *(_seconds(value) for value in (row.p50_s, row.p99_s)),
            f"{row.wasted:.2%}",
            *(_seconds(value) for value in (row.reroute_s, row.return_s)),
            f"{row.cost:.2f}x",
            f"{row.load:.0f}",
        )
    return shown


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


async def measure(
    scenarios: Sequence[Scenario], systems: Sequence[str], out: Path
) -> list[Figures]:
    """Every system in every scenario, one after the other; each row is written when it is there."""
    price, rows, console = price_of(), [], Console()
    with world() as there:
        for scenario in scenarios:
            for name in systems:
                rows.append(figures(await run(there, name, scenario), price))
                console.print(f"{scenario.name}, {name}: {rows[-1].outcomes}")
                _write(rows, out)
    return _read(out)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.resilience", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", help="a scenario's number; may be repeated")
    parser.add_argument("--ours", action="store_true", help="without the peers")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    chosen = [one for one in SCENARIOS if not options.only or one.name[0] in options.only]
    systems = ["switchgear"] if options.ours else [*SYSTEMS]
    rows = asyncio.run(measure(chosen, systems, options.out))
    Console(width=120).print(table(rows))


def _write(rows: Sequence[Figures], out: Path) -> None:
    """The new rows in place of the old ones; what wasn't measured this time is kept."""
    known = {(row.scenario, row.system): row for row in (*_read(out), *rows)}
    ordered = [asdict(known[key]) for key in sorted(known, key=_order)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(ordered, indent=1) + "\n")


def _order(key: tuple[str, str]) -> tuple[str, bool]:
    scenario, system = key
    return scenario, system == LITELLM


def _read(out: Path) -> list[Figures]:
    return [Figures(**row) for row in json.loads(out.read_text())] if out.exists() else []


if __name__ == "__main__":
    main()
