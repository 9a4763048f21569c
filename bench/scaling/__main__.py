"""Print the tables, in Markdown: `python -m bench.scaling`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from bench.scaling.capacity import needs, worker_rate
from bench.scaling.day import simulate
from bench.scaling.settings import BUSY, CLUSTER, GROUP, LOADS, POD, PROCESS, SETTINGS, TRAFFIC

_DAYS: Final = ((1_000_000, 1.0), (4_000_000, 1.0), (500_000, 8.0))
"""(requests an hour at the peak, slowness of the providers for half an hour)."""
_DAY: Final = (
    "setting", "longest wait", "waited over 30 s", "highest lag", "most pods", "pod hours", "cost",
    "rebalances",
)  # fmt: skip
_LOAD: Final = (
    "requests an hour", "routers", "workers", "gateways", "partitions", "brokers", "written",
    "disk",
)  # fmt: skip


def main() -> None:
    """Days first, then capacity."""
    for peak, slowness in _DAYS:
        print(f"{peak:,} requests an hour at the peak, calls {slowness:.0f} times as slow at three")
        _print(_DAY, _day_rows(peak, slowness))
    for concurrency in (64, 256):
        traffic = replace(TRAFFIC, concurrency=concurrency)
        rate = worker_rate(PROCESS, traffic)
        print(f"concurrency {concurrency}: {rate:.0f} requests a second and worker")
        rows = ((load, needs(load, PROCESS, traffic, CLUSTER, busy=BUSY)) for load in LOADS)
        _print(
            _LOAD,
            (
                (
                    f"{load:,}",
                    need.routers,
                    need.workers,
                    need.gateways,
                    need.partitions,
                    need.brokers,
                    f"{need.write_mb_s:.1f} MB/s",
                    f"{need.disk_tb:.1f} TB",
                )
                for load, need in rows
            ),
        )


def _day_rows(peak: int, slowness: float) -> Iterator[tuple[object, ...]]:
    for name, rules in SETTINGS.items():
        day = simulate(rules, POD, GROUP, peak / 3600, slowness=slowness)
        yield (
            name, f"{day.worst_wait_s:.0f} s", f"{day.late_share:.2%}", f"{day.highest_lag:,}",
            day.most_pods, f"{day.pod_hours:.0f}", f"${day.usd:.2f}", day.rebalances,
        )  # fmt: skip


def _print(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    for row in (head, ["---"] * len(head), *rows):
        print("|", " | ".join(map(str, row)), "|")
    print()


if __name__ == "__main__":
    main()
