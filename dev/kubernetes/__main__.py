"""Render, lint and validate the chart for each value file; ask a real API server too."""

import argparse
import sys
from collections import Counter
from contextlib import ExitStack

from dev.kubernetes.api_server import api_server, dry_run
from dev.kubernetes.chart import SIZES, Release, label, lint, rendered
from dev.kubernetes.policy import violations
from dev.kubernetes.schemas import problems


def main() -> int:
    """1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m dev.kubernetes", description=__doc__)
    parser.add_argument("--api-server", action="store_true", help="build and ask a kube-apiserver")
    options = parser.parse_args()
    wrong: list[str] = []
    with ExitStack() as stack:
        server = stack.enter_context(api_server()) if options.api_server else None
        for size in SIZES:
            release = Release(size)
            lint(release)
            manifests = rendered(release)
            kinds = Counter(manifest["kind"] for manifest in manifests)
            print(f"{size}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
            wrong += [
                f"{size}: {label(m)}: {problem}" for m in manifests for problem in problems(m)
            ]
            wrong += [f"{size}: {violation}" for violation in violations(manifests)]
            if server is not None:
                refused = list(dry_run(server, manifests))
                wrong += [f"{size}: {refusal}" for refusal in refused]
                print(f"{size}: the API server refuses {len(refused) or 'nothing'}")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
