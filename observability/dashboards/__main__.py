"""Builder of the dashboards' files: `python -m observability.dashboards`."""

import json
from pathlib import Path

from observability.dashboards.build import DASHBOARDS, build_dashboard


def main() -> None:
    """Write each to `grafana/`."""
    for dashboard in DASHBOARDS:
        path = Path(__file__).with_name("grafana") / f"{dashboard.uid}.json"
        path.write_text(json.dumps(build_dashboard(dashboard), indent=2) + "\n")
        print(path)


if __name__ == "__main__":
    main()
