"""Promotion command: take what an evaluation found into `switchgear.yaml`."""

import sys
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from switchgear.invocation import REFUSED
from switchgear.options import ConfigOption, service_settings


def promote(
    name: Annotated[str, typer.Argument(help="The evaluation, or its results file.")],
    folder: Annotated[Path, typer.Option(help="Where evaluations lie.")] = Path("evaluations"),
    task: Annotated[
        str | None, typer.Option(help="The task of cases that had none of their own.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the file.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what an evaluation changes in the configuration; with --apply, change it.

    Exit code 2 when nothing can be proposed.
    """
    from observability.evaluation.results.evaluation_result import (
        UnreadableRecordError,
        read_evaluation,
    )
    from runtime.config import promotion
    from runtime.config.yaml_edits import CannotEdit

    source = Path(name) if name.endswith(".json") else folder / name / "results.json"
    path = service_settings(config).config
    try:
        record = read_evaluation(source.read_bytes())
        text = path.read_text(encoding="utf-8")
    except (OSError, UnreadableRecordError) as error:
        raise typer.BadParameter(f"{source}: {error}") from None
    proposed = promotion.promote(text, record, task)
    if isinstance(proposed, CannotEdit):
        print(f"{path}: {proposed.reason}", file=sys.stderr)
        raise typer.Exit(REFUSED)
    for note in proposed.notes:
        print(note, file=sys.stderr)
    lines = text.splitlines(keepends=True), proposed.text.splitlines(keepends=True)
    print("".join(unified_diff(*lines, str(path), f"{path} with {record.evaluation}")), end="")
    if proposed.text == text:
        print(f"{path} stays as it is", file=sys.stderr)
    elif apply:
        _replace(path, proposed.text)
        print(f"{path} is changed; running processes take it over by themselves", file=sys.stderr)


def _replace(path: Path, text: str) -> None:
    """The file is there whole or not at all, with the rights that it had."""
    target = path.resolve()
    replacement = target.with_name(f".{target.name}.new")
    replacement.write_text(text, encoding="utf-8")
    replacement.chmod(target.stat().st_mode & 0o777)
    replacement.replace(target)
