"""Options that the evaluation commands share, and how their refusals are said."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from observability.evaluation.storage.evaluation_folder import EvaluationFolder

FolderOption: TypeAlias = Annotated[
    Path, typer.Option("--folder", help="Where data sets and evaluations lie.")
]


def evaluation_folder(root: Path) -> "EvaluationFolder":
    """The folder, once all that has expired is deleted from it."""
    from observability.evaluation.storage.evaluation_folder import EvaluationFolder

    folder = EvaluationFolder(root)
    purged = folder.purge()
    if purged.data_sets:
        print(f"{purged.data_sets} expired data sets deleted")
    return folder


@contextmanager
def refusing() -> Iterator[None]:
    """What can't be done becomes one sentence."""
    from pydantic import ValidationError

    from producers.jobs.job_log import LogUnreadableError
    from producers.kafka.broker import PublishFailedError

    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise typer.BadParameter(f"{where}: {first['msg']}") from None
    except (ValueError, OSError, LogUnreadableError, PublishFailedError) as error:
        raise typer.BadParameter(str(error)) from None
