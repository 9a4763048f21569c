"""`python -m bench.request_counts [--write]`: shows the counts, and what rose since the commit."""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench.request_counts.report import (
    COMMITTED,
    AllCounts,
    regressions,
    request_counts,
    written_counts,
)
from dev.redis_server import redis_server, url_of


def main() -> int:
    """1 when something rose and isn't written."""
    with tempfile.TemporaryDirectory() as folder:
        server = redis_server(Path(folder) / "redis")
        server.start()
        try:
            counts = uvloop.run(request_counts(url_of(server), Path(folder)))
        finally:
            server.stop()
    Console().print(_table(counts))
    if "--write" in sys.argv[1:]:
        COMMITTED.write_text(written_counts(counts), encoding="utf-8")
        return 0
    risen = list(regressions(counts))
    for line in risen:
        Console().print(line, style="red")
    return int(bool(risen))


def _table(counts: AllCounts) -> Table:
    table = Table("per request", *counts)
    rows = {name: asdict(each) for name, each in counts.items()}
    for what in next(iter(rows.values())):
        table.add_row(what.replace("_", " "), *(f"{rows[name][what]:,.1f}" for name in counts))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
