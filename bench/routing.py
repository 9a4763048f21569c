"""How good, how calibrated, how cheap, how fast is the router? `python -m bench.routing --data F`.

Ranking is always measured on what was left out of training. Writes `bench/results/routing.json`.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import routing_learning as learning
from bench import routing_money as money
from dev.routing_data import Row, load
from dev.train_router import ROUTERS, without_domain, without_source
from observability.price_lists import load_price_book
from router.decide import policy, success_model
from router.decide.tier_candidates import RoutingConfig
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.text import features
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing
from runtime.config.sections.policy import PolicySettings

RESULTS = Path(__file__).with_name("results") / "routing.json"
LEGAL_RULE = PolicySettings.model_validate(
    {
        "rules": [
            {"when": {"tasks": ["legal"]}, "at_least": "premium", "because": "legal analysis"}
        ],
        "min_quality": 0.8,
    }
)


def ranking(rows: Sequence[Row]) -> dict[str, Any]:
    """APGR, CPT50 and CPT80 of every router on sources, and APGR on domains, it never saw."""
    print("\nRanking, trained without the source (APGR, CPT50, CPT80) | without the domain (APGR)")
    found = {}
    for name, router in ROUTERS.items():
        sources, domains = without_source(rows, router), without_domain(rows, router)
        left = "  ".join(f"{s} {a:.3f} {h:.2f} {m:.2f}" for s, (a, h, m) in sources.items())
        right = "  ".join(f"{source} {area:.3f}" for source, area in domains.items())
        print(f"  {name:14s} {left} | {right}", flush=True)
        found[name] = {"without_source": sources, "without_domain": domains}
    return found


def calibration(rows: Sequence[Row]) -> dict[str, Any]:
    """Calibration error on each source, before and after 200 outcomes, and the learning curve."""
    found: dict[str, Any] = {}
    for source in sorted({row.source for row in rows}):
        own = [row for row in rows if row.source == source]
        for declared in (False, True):
            judged = learning.judge(own, declared=declared)
            name = f"{source}, tasks {'declared' if declared else 'recognised'}"
            errors = {
                which: [round(learning.calibration(judged, which, n), 3) for n in (0, 200)]
                for which in learning.STANDING
            }
            curve = {fed: round(area, 3) for fed, area in learning.curve(judged).items()}
            found[name] = {"calibration_error_0_200": errors, "apgr_by_outcomes": curve}
            print(f"\n{name}: calibration error with 0 and 200 outcomes {errors}")
            print(f"  APGR by outcomes fed back {curve}", flush=True)
        print("  reliability of the weak tier after 200 outcomes: | promised, ● came")
        print("\n".join("  " + line for line in learning.reliability(judged, "weak", 200)))
    return found


def savings(rows: Sequence[Row], basis: RoutingConfig, legal: RoutingConfig) -> dict[str, Any]:
    """The cascade on recorded outcomes, and the month of the support desk."""
    print(f"\nCascade {money.CHEAP} → {money.STRONG}; shares of the strong tier's quality and cost")
    ladders = money.cascades(rows, basis)
    for one in ladders:
        print(
            f"  {one.source:10s} verifier catches {one.catches:.0%}: quality {one.quality:.1%}"
            f" cost {one.cost:.1%} (planned {one.predicted_cost:.1%})"
            f" escalated {one.escalated:.1%}; 95 % of the quality at {one.cost_at_95:.1%}"
        )
    desk = money.support_desk(legal)
    print(
        f"\nSupport desk, {money.TICKETS_A_MONTH:,} synthetic tickets a month,"
        f" {money.LEGAL_SHARE:.0%} legal, about 300 tokens in and {money.ANSWER_TOKENS} out:\n"
        f"  all premium {desk.all_premium:,.0f} USD, routed {desk.routed:,.0f} USD,"
        f" saved {1 - desk.routed / desk.all_premium:.1%}; premium gets {desk.premium_share:.1%}"
        f" (legal found {desk.legal_found:.1%}, others sent up {desk.others_sent_up:.1%})"
    )
    return {"cascade": [dataclasses.asdict(x) for x in ladders], "desk": dataclasses.asdict(desk)}


def speed(rows: Sequence[Row], basis: RoutingConfig) -> dict[str, float]:
    """Decisions a second on one core, from the request to the route, and their latency."""
    requests = [row.request for row in rows[:3_000]]
    took = []
    cpu = time.process_time()
    for request in requests:
        started = time.perf_counter()
        found = features.extract_features(request)
        policy.choose_route(request, found, success_model.score_features(found, basis.model), basis)
        took.append(time.perf_counter() - started)
    per_second = len(took) / (time.process_time() - cpu)
    p50, p99 = (float(np.percentile(took, q)) * 1e3 for q in (50, 99))
    print(f"\nSpeed: {per_second:,.0f} decisions/s a core; p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    return {"per_second": per_second, "p50_ms": p50, "p99_ms": p99}


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="routing.dev.jsonl.gz")
    parser.add_argument("--config", type=Path, default=Path("switchgear.yaml"))
    options = parser.parse_args()
    rows = load(options.data)
    catalog = parse_config(options.config.read_text(encoding="utf-8"))
    pricing = Pricing(load_price_book())
    basis = routing_config(catalog, pricing, default_model())
    legal = routing_config(
        catalog.model_copy(update={"policy": LEGAL_RULE}), pricing, default_model()
    )
    results = {
        "rows": len(rows),
        "model": basis.model.version,
        "speed": speed(rows, basis),
        "savings": savings(rows, basis, legal),
        "learning": calibration(rows),
        "ranking": ranking(rows),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
