"""How often does a rollout send a worse model back in time? `python -m bench.rollout`.

Simulates traffic and prints, for each true loss of the candidate, how often it was rolled back, how
often before a tenth of the traffic saw it, and after how many requests.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from observability.evaluation.rollout.decision import after, decide, started, with_evidence
from observability.evaluation.rollout.rollout_record import ArmEvidence, RolloutRecord, RolloutRules

GOOD = 0.93
LOSSES = (0.0, 0.01, 0.025, 0.05, 0.1)
REQUESTS_A_LOOK = 500
MINUTES_A_LOOK = 1
MOST_LOOKS = 5_000


@dataclass(frozen=True)
class SimulatedRollout:
    """How one rollout ended."""

    status: str
    largest_share: float
    candidate_requests: int
    requests: int


def simulate(
    loss: float, rng: np.random.Generator, rated: float = 1.0, drift: float = 0.0
) -> SimulatedRollout:
    """One rollout of a candidate that is worse by `loss`.

    rated: the share of answers with a rating; drift: amplitude of a slow change of both arms' rate.
    """
    rules = RolloutRules(min_minutes=10)
    rollout, seen, largest = started("sim", "economy", "new", rules, 0), 0, 0.0
    for look in range(1, MOST_LOOKS):
        good = GOOD - drift * (1 - np.cos(look / 40)) / 2
        ours = rng.binomial(REQUESTS_A_LOOK, rollout.share)
        control = _arm(rng, REQUESTS_A_LOOK - ours, 1 - good, rated)
        candidate = _arm(rng, ours, 1 - good + loss, rated)
        seen += REQUESTS_A_LOOK
        now_ms = look * MINUTES_A_LOOK * 60_000
        rollout = _looked(rollout, control, candidate, now_ms)
        largest = max(largest, rollout.share)
        if rollout.status != "running":
            break
    ours_in_all = rollout.candidate_evidence.requests
    return SimulatedRollout(rollout.status, largest, ours_in_all, seen)


def _looked(
    rollout: RolloutRecord, control: ArmEvidence, candidate: ArmEvidence, now_ms: int
) -> RolloutRecord:
    known = with_evidence(rollout, control, candidate, {}, now_ms)
    return after(known, decide(known, now_ms), now_ms)


def _arm(rng: np.random.Generator, requests: int, bad: float, rated: float) -> ArmEvidence:
    judged = int(rng.binomial(requests, rated))
    slow = int(rng.binomial(requests, 0.01))
    wrong = int(rng.binomial(judged, bad))
    return ArmEvidence(requests=requests, slow=slow, rated=judged, bad=wrong)


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--rated", type=float, default=1.0, help="share of answers with a rating")
    parser.add_argument("--drift", type=float, default=0.0, help="by how much both arms change")
    options = parser.parse_args()
    print("| worse by | promoted | rolled back | before 10 % saw it | mean requests of it |")
    print("| --- | --- | --- | --- | --- |")
    for loss in LOSSES:
        rng = np.random.default_rng(int(loss * 1000))
        ends = [simulate(loss, rng, options.rated, options.drift) for _ in range(options.runs)]
        back = [end for end in ends if end.status == "rolled back"]
        early = sum(end.largest_share < 0.1 for end in back) / len(ends)
        promoted = sum(end.status == "promoted" for end in ends) / len(ends)
        mean = np.mean([end.candidate_requests for end in back]) if back else 0
        shares = f"{promoted:.1%} | {len(back) / len(ends):.1%} | {early:.1%}"
        print(f"| {loss * 100:g} points | {shares} | {mean:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
