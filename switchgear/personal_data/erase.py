"""Erase command: a person's data removed from every store that can forget, and the log's dates."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.options import ConfigOption, FormatOption
from switchgear.reports import LedgerOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchgear.personal_data.erasure import Erased, Person
    from switchgear.personal_data.kafka_traces import TopicRetention


def erase(
    tenant: Annotated[str, typer.Option(help="Whose user.")],
    user: Annotated[str, typer.Option(help="The `user` in the body of the person's requests.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase it; without, what would go is only counted.")
    ] = False,
    files: Annotated[
        bool, typer.Option("--files", help="Also files of jobs, which have others' lines too.")
    ] = False,
    evaluations: Annotated[Path, typer.Option(help="Where data sets and evaluations lie.")] = Path(
        "evaluations"
    ),
    format: FormatOption = "table",
    ledger: LedgerOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a person's data, and say when Kafka's retention removes what lies in its topics."""
    import uvloop

    from switchgear.personal_data.erasing import ErasePlaces, erase_person

    places = ErasePlaces(ledger, evaluations, files)
    work = erase_person(tenant, user, places, really=yes, config=config)
    person, erased, kept = uvloop.run(work)
    if format == "json":
        print(json.dumps(_document(person, erased, kept, yes=yes), indent=2))
    else:
        _print_erased(person, erased, kept, yes=yes)


def _document(
    person: "Person", erased: "Sequence[Erased]", kept: "Sequence[TopicRetention]", *, yes: bool
) -> dict[str, object]:
    return {
        "tenant": person.tenant,
        "erased": yes,
        "requests_in_kafka": len(person.requests),
        "stores": [{"store": e.store, "number": e.number, "what": e.what} for e in erased],
        "topics": [
            {"topic": t.topic, "gone_from": _day(t.first_ms), "gone_at_the_latest": _day(t.last_ms)}
            for t in kept
        ],
    }


def _day(at_ms: int | None) -> str | None:
    return None if at_ms is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(at_ms / 1000))


def _print_erased(
    person: "Person", erased: "Sequence[Erased]", kept: "Sequence[TopicRetention]", *, yes: bool
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observability.terminal import cell, output_width

    title = "Erased" if yes else "Would be erased (with --yes)"
    stores = Table(title=title, box=box.SIMPLE_HEAD)
    stores.add_column("store", no_wrap=True)
    stores.add_column("number", justify="right")
    stores.add_column("what", overflow="fold")
    for each in erased:
        stores.add_row(each.store, f"{each.number:,}", cell(each.what))
    log = Table(title="In Kafka, whose log can't be changed", box=box.SIMPLE_HEAD)
    for name in ("topic", "gone from (UTC)", "at the latest"):
        log.add_column(name, overflow="fold")
    for topic in kept:
        first, last = _day(topic.first_ms), _day(topic.last_ms)
        log.add_row(cell(topic.topic), first or "never by itself", last or "never by itself")
    console = Console(width=output_width(), markup=False, emoji=False)
    console.print(stores)
    console.print(log)
    console.print(f"{len(person.requests):,} of the person's requests are in the request topics.")
