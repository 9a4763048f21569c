"""Evaluation commands: run, report, label and show."""

import json
import secrets
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from switchgear.evaluation.options import FolderOption, evaluation_folder, refusing
from switchgear.options import ConfigOption, FormatOption, configured_catalog, usd_amount

if TYPE_CHECKING:
    from observability.evaluation.storage.evaluation_plan import EvaluationPlan

_LONGEST_FILE: Final = 100_000
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The evaluation's name.")]


def run(
    name: NameArgument,
    data: Annotated[
        str | None, typer.Option(help="The data set, or one version: NAME@VERSION.")
    ] = None,
    candidate: Annotated[
        list[str] | None, typer.Option(help="A model or a deployment; repeatable.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="The candidate that they replace.")] = None,
    metric: Annotated[
        str,
        typer.Option(
            help="exact[:fold], contains, numeric[:TOLERANCE], regex[:PATTERN], "
            "json-schema[:FILE], validators, grounded, python:package.module:function, "
            "judge:MODEL, human."
        ),
    ] = "exact:fold",
    margin: Annotated[
        float, typer.Option(min=0.1, max=50, help="Points that a candidate may be worse.")
    ] = 2,
    max_usd: Annotated[
        Decimal | None, typer.Option(parser=usd_amount, metavar="USD", help="Never exceeded.")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Ask at once, at the normal price.")
    ] = False,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="Ask no more once a verdict is clear.")
    ] = False,
    look_every: Annotated[int, typer.Option(min=10, help="Cases between two looks.")] = 100,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of an answer whose case has no limit.")
    ] = None,
    within: Annotated[str, typer.Option(help="When answers are wanted: 10m, 24h.")] = "24h",
    tenant: Annotated[str | None, typer.Option(help="Who pays; default: each case's own.")] = None,
    rubric: Annotated[Path | None, typer.Option(help="A text file: the judge's rubric.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of the cases.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, help="Interactive requests under way.")] = 16,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it needs and may cost; ask nothing.")
    ] = False,
    folder: FolderOption = Path("evaluations"),
    config: ConfigOption = None,
) -> None:
    """Ask all candidates all cases within a spending cap; a name that was begun goes on."""
    from observability.evaluation.storage.evaluation_plan import EvaluationPlan
    from producers.jobs.submission import window_ms
    from switchgear.evaluation.running import run_evaluation
    from switchgear.evaluation.surroundings import prompt_variants

    with refusing():
        opened = evaluation_folder(folder)
        plan = opened.plan(name)
        if plan is None:
            if data is None or not candidate or baseline is None or max_usd is None:
                raise typer.BadParameter(
                    "a new evaluation needs --data, --candidate, --baseline and --max-usd"
                )
            within_ms = window_ms(within)
            if within_ms is None:
                raise typer.BadParameter(f"{within!r} is no time: write 10m, 24h or 7d")
            head, _ = opened.open_set(data)
            names = tuple(dict.fromkeys((baseline, *candidate)))
            plan = EvaluationPlan(
                name=name,
                run=secrets.token_hex(4),
                data_set=head.label,
                candidates=names,
                prompts=prompt_variants(configured_catalog(config), names),
                baseline=baseline,
                metric=metric,
                margin=margin / 100,
                cap_micro_usd=max_usd * 1_000_000,
                latency="interactive" if interactive else "batch",
                within_s=within_ms / 1000,
                max_tokens=max_tokens,
                tenant=tenant,
                stop_early=stop_early,
                look_every=look_every,
                rubric=None if rubric is None else _text_of(rubric),
                seed=seed,
                created_ms=time.time_ns() // 1_000_000,
            )
        elif data or candidate or baseline or max_usd:
            print(f"{name} goes on as it was planned; other options are for a new name")
        run_evaluation(opened, plan, configured_catalog(config), at_once, dry_run=dry_run)


def report(
    name: NameArgument,
    format: Annotated[
        Literal["table", "json", "html"], typer.Option("--format", help="For whom.")
    ] = "table",
    output: Annotated[Path | None, typer.Option(help="Default: standard output.")] = None,
    folder: FolderOption = Path("evaluations"),
    config: ConfigOption = None,
) -> None:
    """Grade the answers again, with the labels there are, and show the figures."""
    from observability.evaluation.report.evaluation_page import evaluation_html
    from observability.evaluation.report.terminal_table import print_evaluation
    from observability.evaluation.results.evaluation_result import evaluation_bytes
    from switchgear.evaluation.running import graded_again

    with refusing():
        outcome = graded_again(evaluation_folder(folder), name, configured_catalog(config))
        match format:
            case "table":
                from rich.console import Console

                from observability.terminal import output_width

                print_evaluation(outcome.record, Console(width=output_width()))
            case "json":
                _write(output, evaluation_bytes(outcome.record).decode())
            case "html":
                _write(output, evaluation_html(outcome.record, outcome.answers))


def label(
    name: NameArgument,
    export: Annotated[Path | None, typer.Option(help="Write a CSV to be filled in.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Read what people have filled in.")
    ] = None,
    cases: Annotated[int, typer.Option(min=1, help="Cases in the CSV, a random part.")] = 200,
    folder: FolderOption = Path("evaluations"),
) -> None:
    """Label answers by hand: export a sheet that names no candidate, import it filled in."""
    from switchgear.evaluation.running import export_labels, import_labels

    if (export is None) == (import_ is None):
        raise typer.BadParameter("either --export FILE or --import FILE")
    with refusing():
        opened = evaluation_folder(folder)
        if export is not None:
            number = export_labels(opened, name, export, cases)
            print(f"{export}: {number:,} answers; write 1 or 0 into the column `good`")
        elif import_ is not None:
            number = import_labels(opened, name, import_)
            print(f"{name} has {number:,} labels")


def list_evaluations(
    folder: FolderOption = Path("evaluations"), format: FormatOption = "table"
) -> None:
    """List the evaluations."""
    with refusing():
        plans = evaluation_folder(folder).plans()
    if format == "json":
        print(json.dumps([_plan_row(plan) for plan in plans], indent=2))
        return
    for plan in plans:
        print(f"{plan.name:24} {plan.data_set:24} {plan.metric:16} {', '.join(plan.candidates)}")


def show(
    file: Annotated[Path, typer.Argument(help="The results file of an evaluation.")],
    format: FormatOption = "table",
) -> None:
    """Show what an evaluation measured."""
    from rich.console import Console

    from observability.evaluation.report.terminal_table import print_evaluation
    from observability.evaluation.results.evaluation_result import (
        UnreadableRecordError,
        evaluation_bytes,
        read_evaluation,
    )
    from observability.terminal import output_width

    try:
        record = read_evaluation(file.read_bytes())
    except (OSError, UnreadableRecordError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    if format == "json":
        print(evaluation_bytes(record).decode(), end="")
    else:
        print_evaluation(record, Console(width=output_width()))


def _plan_row(plan: "EvaluationPlan") -> dict[str, Any]:
    fields: Sequence[str] = ("name", "data_set", "candidates", "baseline", "metric", "margin")
    return {field: getattr(plan, field) for field in fields}


def _text_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if len(text) > _LONGEST_FILE:
        raise typer.BadParameter(f"{path}: at most {_LONGEST_FILE:,} characters")
    return text


def _write(output: Path | None, text: str) -> None:
    if output is None:
        print(text)
    else:
        output.write_text(text, encoding="utf-8")
