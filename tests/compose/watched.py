"""Does a running Prometheus scrape every service, and do the dashboards find data?

python -m tests.compose.watched PROMETHEUS LIVE_PAGE
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

from observability.dashboards.build import DASHBOARDS
from tests.waiting import blocking_until

PATIENCE_S: Final = 120
SERVICES: Final = {"router", "economy", "standard", "premium", "gateway", "ledger"}
QUIET: Final = {
    "Failures by code", "Consumer lag", "Dead letters", "Redeliveries", "Reroutes and retries",
    "Went on without Redis", "Refused by the router", "Changes of circuit breakers", "Budget used",
    "Cache hits by tier", "False cache hits found by re-checking", "False cache hits, at the most",
    "Answers that their context doesn't support", "Answers without a price", "Error budget burn",
}  # fmt: skip
"""Panels that rightly show nothing while nothing goes wrong, and nobody has a budget."""


def ask(prometheus: str, path: str, **query: str) -> Any:  # noqa: ANN401 JSON
    """The data of an answer of Prometheus' API."""
    with urlopen(f"{prometheus}/api/v1/{path}?{urlencode(query)}") as answer:  # noqa: S310 ours
        return json.load(answer)["data"]


def missing(prometheus: str) -> Iterator[str]:
    """What isn't as it should be yet."""
    targets = ask(prometheus, "targets")["activeTargets"]
    up = {one["labels"]["service"] for one in targets if one["health"] == "up"}
    yield from (f"{name} isn't scraped" for name in SERVICES - up)
    if not ask(prometheus, "rules")["groups"]:
        yield "no alert rules"
    for panel in (panel for dashboard in DASHBOARDS for panel in dashboard.panels):
        query = panel.query.replace("$__rate_interval", "1m")
        if not ask(prometheus, "query", query=query)["result"] and panel.title not in QUIET:
            yield f"panel {panel.title!r} is empty: {query}"
    found = ask(
        prometheus,
        "query_exemplars",
        query="switchgear_request_seconds_bucket",
        start=str(time.time() - 3600),
        end=str(time.time()),
    )
    if not any(one["exemplars"] for one in found):
        yield "no exemplar"


def main(prometheus: str, live: str) -> int:
    """0 once all is there."""
    lacking: list[str] = []

    def all_there() -> bool:
        lacking[:] = missing(prometheus)
        return not lacking

    try:
        blocking_until(all_there, within_s=PATIENCE_S, pause_s=1)
    except TimeoutError:
        print(*lacking, sep="\n", file=sys.stderr)  # noqa: T201 a command's
        return 1
    with urlopen(live) as page:  # noqa: S310 ours
        assert b"Switchgear" in page.read()
    alerts = [alert["labels"]["alertname"] for alert in ask(prometheus, "alerts")["alerts"]]
    print(f"{len(SERVICES)} services scraped; alerts: {alerts or 'none'}")  # noqa: T201 a command's
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
