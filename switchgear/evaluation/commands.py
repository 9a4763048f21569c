"""Evaluation commands: sample, run, judge, label, report and delete."""

from pathlib import Path
from typing import Annotated

import typer

from switchgear.options import FormatOption


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

    try:
        record = read_evaluation(file.read_bytes())
    except (OSError, UnreadableRecordError) as error:
        raise typer.BadParameter(f"{file}: {error}") from None
    if format == "json":
        print(evaluation_bytes(record).decode(), end="")
    else:
        print_evaluation(record, Console())
