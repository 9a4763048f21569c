"""Data set commands: sample recorded requests, import a file, list, delete and erase."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.evaluation.options import FolderOption, evaluation_folder, refusing
from switchgear.options import ConfigOption, FormatOption, SinceOption, UntilOption

if TYPE_CHECKING:
    from observability.evaluation.data_sets.data_set_file import DataSetHead
    from observability.evaluation.data_sets.evaluation_case import EvaluationCase
    from observability.evaluation.data_sets.request_sample import RequestSample, SampleFilter

KeepOption = Annotated[str, typer.Option(help="When it is deleted: 12h, 7d; at most 30d.")]


def sample(
    name: Annotated[str, typer.Argument(help="The data set's name.")],
    tenant: Annotated[list[str] | None, typer.Option(help="Whose; may be repeated.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Of what kind; may be repeated.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="With this tag; repeatable.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the forms, those looked at.")] = 1,
    per_stratum: Annotated[
        int, typer.Option(min=1, max=100_000, help="Cases of each tenant and task, at most.")
    ] = 200,
    by_tag: Annotated[
        str | None, typer.Option(metavar="NAME", help="As many of each of this tag's values, too.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one takes other cases.")] = 0,
    keep: KeepOption = "7d",
    folder: FolderOption = Path("evaluations"),
    config: ConfigOption = None,
) -> None:
    """Sample recorded requests of tenants that allow it, one case for each canonical form."""
    from observability.evaluation.data_sets.request_sample import SampleFilter

    pairs = [each.partition("=") for each in tag or ()]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("a tag is NAME=VALUE")
    wanted = SampleFilter(
        frozenset(tenant or ()),
        frozenset(task or ()),
        tuple((name, value) for name, _, value in pairs),
        share,
        per_stratum,
        seed,
        by_tag,
    )
    with refusing():
        head = _head(name, keep, "recorded requests")
        taken = _sampled(wanted, since, until, config)
        cases = list(taken.cases())
        counts = taken.counts
        print(
            f"{counts.read:,} requests read: {len(cases):,} cases taken, which "
            f"{counts.repeated:,} more repeat; {counts.not_wanted:,} not wanted, "
            f"{counts.without_consent:,} without consent"
        )
        if counts.tenants_without_consent:
            refused = ", ".join(sorted(counts.tenants_without_consent)[:20])
            print(f"their tenants' sections say no `evaluation: allowed`: {refused}")
        if not cases:
            raise typer.Exit(1)
        print(_saved(evaluation_folder(folder), head, cases))


def import_cases(
    name: Annotated[str, typer.Argument(help="The data set's name.")],
    file: Annotated[Path, typer.Argument(help="JSONL, or CSV with a header.")],
    tenant: Annotated[str, typer.Option(help="Who asks, and pays.")] = "default",
    keep: KeepOption = "30d",
    folder: FolderOption = Path("evaluations"),
) -> None:
    """Import cases of one's own: `prompt` or `messages`, and `reference`, `task`, `id` …"""
    from observability.evaluation.data_sets.own_cases import csv_cases, file_lines, jsonl_cases

    with refusing():
        head = _head(name, keep, "own file")
        read = csv_cases if file.suffix.lower() in {".csv", ".tsv"} else jsonl_cases
        try:
            with file.open("rb") as lines:
                cases = list(read(file_lines(lines), tenant))
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        if not cases:
            raise ValueError(f"{file}: no case in it")
        print(_saved(evaluation_folder(folder), head, cases))
        without = sum(case.reference is None for case in cases)
        if without:
            print(f"{without:,} of them have no `reference`")


def list_data(folder: FolderOption = Path("evaluations"), format: FormatOption = "table") -> None:
    """List the data sets, and delete those that have expired."""
    with refusing():
        opened = evaluation_folder(folder)
        heads = opened.heads()
    if format == "json":
        print(json.dumps([head.model_dump() for head in heads], indent=2))
        return
    for head in heads:
        print(f"{head.label:24} {head.cases:7,} cases  {head.origin}  until {_day(head)}")


def delete(
    name: Annotated[str, typer.Argument(help="A data set, or one version: NAME@VERSION.")],
    folder: FolderOption = Path("evaluations"),
) -> None:
    """Delete a data set, and all texts of its evaluations; figures stay."""
    with refusing():
        erased = evaluation_folder(folder).delete(name)
        print(f"{erased.data_sets} data sets with {erased.cases:,} cases deleted")


def erase(
    tenant: Annotated[str, typer.Argument(help="Whose cases.")],
    user: Annotated[str | None, typer.Option(help="Only those of this user.")] = None,
    folder: FolderOption = Path("evaluations"),
) -> None:
    """Erase a tenant's cases, or one user's, from data sets and the texts of evaluations."""
    with refusing():
        erased = evaluation_folder(folder).erase(tenant, user)
        print(f"{erased.cases:,} cases and {erased.answers:,} answers erased")


def _head(name: str, keep: str, origin: str) -> "DataSetHead":
    from observability.evaluation.data_sets.data_set_file import DataSetHead
    from producers.jobs.submission import window_ms

    kept_ms, now_ms = window_ms(keep), time.time_ns() // 1_000_000
    if kept_ms is None:
        raise ValueError(f"{keep!r} is no time: write 12h or 7d, at most 30d")
    fields = {"name": name, "version": 1, "created_ms": now_ms, "origin": origin, "cases": 0}
    return DataSetHead.model_validate({**fields, "expires_ms": now_ms + kept_ms})


def _saved(folder: object, head: "DataSetHead", cases: "list[EvaluationCase]") -> str:
    from observability.evaluation.storage.evaluation_folder import EvaluationFolder

    assert isinstance(folder, EvaluationFolder)  # noqa: S101
    saved = folder.save(head, cases)
    tasks = {case.task for case in cases}
    return f"{saved.label}: {saved.cases:,} cases of {len(tasks)} tasks, until {_day(saved)}"


def _day(head: "DataSetHead") -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(head.expires_ms / 1000))


def _sampled(
    wanted: "SampleFilter", since: int | None, until: int | None, config: Path | None
) -> "RequestSample":
    import uvloop

    from observability.evaluation.data_sets.request_sample import RequestSample
    from producers import ClientSettings
    from producers.contract import codec, topics
    from producers.contract.codec import DecodeError
    from producers.jobs.job_log import scan_topic
    from switchgear.evaluation.surroundings import request_readers
    from switchgear.options import configured_catalog

    catalog, settings = configured_catalog(config), ClientSettings()
    taken = RequestSample(wanted, request_readers(catalog))
    sources = [topics.REQUESTS]
    if catalog.identity.mode == "topic":
        sources += [topics.tenant_topic(topics.REQUESTS, name) for name in wanted.tenants]

    async def read() -> None:
        for topic in sources:
            async for record in scan_topic(settings, topic, since or 0):
                if record.timestamp_ms < (since or 0):
                    continue
                if until is not None and record.timestamp_ms >= until:
                    continue
                try:
                    request = codec.decode_request(record.value)
                except DecodeError:
                    taken.counts.read += 1
                    taken.counts.not_wanted += 1
                    continue
                taken.add(request, record.timestamp_ms)

    uvloop.run(read())
    return taken
