"""Shadow command: a share of the live traffic is asked of a candidate too, later, on its budget.

Callers notice nothing: what they asked is read from Kafka after the fact, by the rules of a sample
(consent, residency), and asked again as an evaluation, by batch. Each round is one.
"""

import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from switchgear.evaluation import commands, data_commands
from switchgear.evaluation.options import FolderOption
from switchgear.options import ConfigOption, usd_amount


def shadow(
    name: Annotated[str, typer.Argument(help="Its rounds are the evaluations NAME-TIME.")],
    candidate: Annotated[list[str], typer.Option(help="A model; may be repeated.")],
    baseline: Annotated[str, typer.Option(help="The model that answers today.")],
    max_usd: Annotated[
        Decimal, typer.Option(parser=usd_amount, metavar="USD", help="Of all rounds together.")
    ],
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the traffic.")] = 0.01,
    every: Annotated[str, typer.Option(help="The length of a round: 10m, 1h, 1d.")] = "1h",
    rounds: Annotated[int | None, typer.Option(min=1, help="Default: for ever.")] = None,
    metric: Annotated[str, typer.Option(help="As of `evaluate run`.")] = "validators",
    tenant: Annotated[list[str] | None, typer.Option(help="Whose; may be repeated.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Of what kind; repeatable.")] = None,
    folder: FolderOption = Path("evaluations"),
    config: ConfigOption = None,
) -> None:
    """Ask a share of the last round's requests of other models too, round by round.

    Ends when the budget is spent. What was measured is in the evaluations' results.
    """
    from producers.jobs.submission import window_ms

    round_ms = window_ms(every)
    if round_ms is None:
        raise typer.BadParameter(f"{every!r} is no time: write 10m, 1h or 1d")
    done = 0
    while rounds is None or done < rounds:
        left_usd = max_usd - _spent_usd(folder, name)
        if left_usd <= 0:
            print(f"{name}: the budget of {max_usd} USD is spent")
            return
        done += 1
        now_ms = time.time_ns() // 1_000_000
        each = f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_ms / 1000))}"
        if _sampled(each, share, (now_ms - round_ms, now_ms), tenant, task, folder, config):
            commands.run(
                each,
                data=each,
                candidate=candidate,
                baseline=baseline,
                metric=metric,
                max_usd=left_usd,
                folder=folder,
                config=config,
            )
        if rounds is None or done < rounds:
            # a run that waited for its batch has used up some of the next round's time
            begun_s = now_ms / 1000
            time.sleep(max(0.0, begun_s + round_ms / 1000 - time.time()))


def _sampled(
    name: str,
    share: float,
    period_ms: tuple[int, int],
    tenant: list[str] | None,
    task: list[str] | None,
    folder: Path,
    config: Path | None,
) -> bool:
    """Whether the period's traffic had anything that may be asked again."""
    since, until = period_ms
    try:
        data_commands.sample(
            name,
            tenant=tenant,
            task=task,
            since=since,
            until=until,
            share=share,
            folder=folder,
            config=config,
        )
    except typer.Exit:
        return False
    return True


def _spent_usd(folder: Path, name: str) -> Decimal:
    """What the rounds so far have cost; one that was cut off counts with all that it might have."""
    from observability.evaluation.results.evaluation_result import read_evaluation
    from observability.evaluation.storage.evaluation_folder import PLAN, RESULTS
    from observability.evaluation.storage.evaluation_plan import EvaluationPlan

    spent = Decimal(0)
    for place in folder.glob(f"{name}-{'[0-9]' * 8}-{'[0-9]' * 6}"):
        if (place / RESULTS).exists():
            spent += read_evaluation((place / RESULTS).read_bytes()).spent_micro_usd
        elif (place / PLAN).exists():
            plan = EvaluationPlan.model_validate_json((place / PLAN).read_bytes())
            spent += plan.cap_micro_usd
    return spent / 1_000_000
