"""Running of an evaluation: from plan and configuration to calls, grades and files."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.metric import Metric, read_metric
from observability.evaluation.report.evaluation_page import evaluation_html
from observability.evaluation.report.terminal_table import points_range, print_evaluation
from observability.evaluation.results.evaluation_result import evaluation_bytes
from observability.evaluation.running.answer_grader import AnswerGrader
from observability.evaluation.running.call_exchange import CallExchange, EvaluationConnection
from observability.evaluation.running.case_request import case_request
from observability.evaluation.running.evaluation_run import EvaluationRun, RunPace
from observability.evaluation.running.pair_judging import PairJudging
from observability.evaluation.statistics.sample_size import cases_not_worse, least_margin
from observability.evaluation.storage.evaluation_folder import (
    JOURNAL,
    LABELS,
    PAGE,
    RESULTS,
    EvaluationFolder,
    FolderError,
)
from observability.evaluation.storage.hand_labels import (
    AnswerToLabel,
    keep_labels,
    labels_of,
    read_sheet,
    write_sheet,
)
from observability.evaluation.storage.journal import EvaluationJournal
from observability.pricing.money import usd
from observability.terminal import output_width, plain
from producers import ClientSettings, RouterClient
from producers.contract import topics
from producers.jobs.job_log import scan_topic
from producers.kafka.aiokafka_broker import KafkaBroker
from switchgear.evaluation.outcome import Outcome, outcome_of_run
from switchgear.evaluation.surroundings import (
    DearestPrice,
    grading_tools,
    searches_the_web,
    still_allowed,
)

if TYPE_CHECKING:
    from observability.evaluation.results.evaluation_result import EvaluationVerdict
    from observability.evaluation.storage.evaluation_plan import EvaluationPlan
    from runtime.config.catalog import Catalog

_DISCORDANCES: Final = (0.05, 0.10, 0.20)
_LONGEST_SCHEMA: Final = 1_000_000


def run_evaluation(
    folder: EvaluationFolder,
    plan: "EvaluationPlan",
    catalog: "Catalog",
    at_once: int,
    *,
    dry_run: bool,
) -> None:
    """Asks, grades, writes the files and shows the figures.

    Raises ValueError, OSError, LogUnreadableError, PublishFailedError.
    """
    _check_candidates(plan, catalog)
    cases = _cases(folder, plan, catalog)
    metric = read_metric(plan.metric)
    price = DearestPrice(catalog, batch=plan.latency == "batch")
    console = Console(width=output_width())
    _announce(plan, cases, price, console)
    if dry_run:
        return
    folder.write_plan(plan)
    grader = _grader(metric, catalog)
    journal = EvaluationJournal(folder.evaluation(plan.name) / JOURNAL)
    try:
        outcome = uvloop.run(_asked(plan, cases, journal, (price, at_once, grader), folder))
    finally:
        journal.close()
    _write_files(folder, plan, outcome)
    print_evaluation(outcome.record, console)
    console.print(f"Page: {folder.evaluation(plan.name) / PAGE}", markup=False, soft_wrap=True)


def graded_again(folder: EvaluationFolder, name: str, catalog: "Catalog") -> Outcome:
    """The outcome of what is answered so far, with its files written anew. Raises ValueError."""
    plan = _known_plan(folder, name)
    cases = _cases(folder, plan, catalog)
    journal = EvaluationJournal(folder.evaluation(name) / JOURNAL, only_read=True)

    async def graded() -> Outcome:
        exchange = CallExchange(plan, journal, None)
        run = EvaluationRun(plan, cases, exchange, lambda _: Decimal(0), RunPace())
        grader = _grader(read_metric(plan.metric), catalog)
        labels = labels_of(folder.evaluation(name) / LABELS)
        async with _ending(grader):
            return await outcome_of_run(run, exchange, grader, labels)

    outcome = uvloop.run(graded())
    _write_files(folder, plan, outcome)
    return outcome


def export_labels(folder: EvaluationFolder, name: str, path: Path, number: int) -> int:
    """How many answers are on the sheet: all candidates' to a random part of the cases."""
    plan = _known_plan(folder, name)
    _, cases = folder.open_set(plan.data_set)
    journal = EvaluationJournal(folder.evaluation(name) / JOURNAL, only_read=True)
    exchange = CallExchange(plan, journal, None)
    run = EvaluationRun(plan, cases, exchange, lambda _: Decimal(0), RunPace())
    sheet = []
    for case in run.cases[:number]:
        for candidate in plan.candidates:
            request = plan.request_id(case.id, candidate)
            call = journal.answered.get(request)
            if call is not None and call.outcome == "done":
                prompt = case.body.messages[-1].get("content")
                asked = prompt if isinstance(prompt, str) else json.dumps(prompt)
                sheet.append(AnswerToLabel(request, asked, case.reference or "", call.text))
    return write_sheet(path, sheet)


def import_labels(folder: EvaluationFolder, name: str, path: Path) -> int:
    """How many labels the evaluation has now."""
    plan = _known_plan(folder, name)
    _, cases = folder.open_set(plan.data_set)
    requests = [plan.request_id(case.id, each) for case in cases for each in plan.candidates]
    return keep_labels(folder.evaluation(name) / LABELS, read_sheet(path), requests)


async def _asked(
    plan: "EvaluationPlan",
    cases: Sequence[EvaluationCase],
    journal: EvaluationJournal,
    means: tuple[DearestPrice, int, AnswerGrader | None],
    folder: EvaluationFolder,
) -> Outcome:
    price, at_once, grader = means
    settings = ClientSettings()

    def request_topic(tenant: str) -> str:
        shared = settings.request_topic
        return topics.tenant_topic(shared, tenant) if settings.tenant_topics else shared

    metric = read_metric(plan.metric)
    judge = metric.argument if metric.kind == "judge" else None
    async with _ending(grader), KafkaBroker(settings, "switchgear-evaluation") as broker:
        client = RouterClient(broker, settings)
        scan = partial(scan_topic, settings)
        connection = EvaluationConnection(scan, broker, client, request_topic)
        with _ProgressBar(plan, len(cases)) as bar:
            exchange = CallExchange(plan, journal, connection, bar.update)
            bar.exchange = exchange
            run = EvaluationRun(plan, cases, exchange, price, RunPace(at_once, bar.looked))
            async with exchange.open({plan.tenant or case.tenant for case in cases}):
                await run.ask_all(grader)
                if judge is not None:
                    judging = PairJudging(run, exchange)
                    bar.extend(judging.calls)
                    if not await judging.ask_all(judge):
                        run.progress.out_of_money = True
        labels = labels_of(folder.evaluation(plan.name) / LABELS)
        return await outcome_of_run(run, exchange, grader, labels)


@asynccontextmanager
async def _ending(grader: AnswerGrader | None) -> AsyncIterator[None]:
    """The grader is fit for use inside, and has no process left after. Raises MetricError."""
    if grader is None:
        yield
        return
    try:
        await grader.check()
        yield
    finally:
        await grader.end()


class _ProgressBar:
    """A progress bar with what was spent and the time left."""

    def __init__(self, plan: "EvaluationPlan", cases: int) -> None:
        self.exchange: CallExchange | None = None
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._total = cases * len(plan.candidates)
        self._task = self._progress.add_task(plan.name, total=self._total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def extend(self, calls: int) -> None:
        """So many more, of a judge."""
        self._total += calls
        self._progress.update(self._task, total=self._total)

    def update(self) -> None:
        """After a reply."""
        if self.exchange is not None:
            cap = self.exchange.cap
            words = f"{self.exchange.plan.name} {usd(cap.spent)} of {usd(cap.cap)}"
            answered = len(self.exchange.journal.answered)
            self._progress.update(self._task, completed=answered, description=words)

    def looked(self, verdicts: "Sequence[EvaluationVerdict]") -> None:
        """At a look: what is known, and what would be enough."""
        for verdict in verdicts:
            enough = verdict.cases_needed
            needs = "" if enough is None else f"; about {enough:,} cases would be enough"
            self._console.print(
                f"{verdict.pairs:,} cases: {plain(verdict.candidate)} {points_range(verdict)} "
                f"points, {verdict.outcome}{needs}",
                markup=False,
            )


def _check_candidates(plan: "EvaluationPlan", catalog: "Catalog") -> None:
    """Raises FolderError for a name that the configuration doesn't have."""
    metric = read_metric(plan.metric)
    judge = (metric.argument,) if metric.kind == "judge" else ()
    for name in (*plan.candidates, *judge):
        plain = name.partition("#")[0]
        if plain not in catalog.models and plain not in catalog.deployments:
            known = ", ".join((*catalog.models, *catalog.deployments))
            raise FolderError(
                f"the configuration has no model or deployment {name!r}; there are: {known}"
            )
    if len(plan.candidates) < 2:  # noqa: PLR2004 a comparison
        raise FolderError("name a --candidate other than the baseline")


def _cases(
    folder: EvaluationFolder, plan: "EvaluationPlan", catalog: "Catalog"
) -> list[EvaluationCase]:
    head, whole = folder.open_set(plan.data_set)
    cases = [case for case in whole if not searches_the_web(case.body)]
    if not cases:
        raise FolderError("no case is left that has an upper price: all may search the web")
    if len(cases) < len(whole):
        left = len(whole) - len(cases)
        print(f"{left:,} cases are left out: searches of the web have no upper price")
    if head.origin == "own file":
        return cases
    allowed = still_allowed(catalog, cases)
    if not allowed:
        raise FolderError("no tenant of these cases allows evaluation any longer")
    if len(allowed) < len(cases):
        print(f"{len(cases) - len(allowed):,} cases are left out: they may not be asked today")
    return allowed


def _announce(
    plan: "EvaluationPlan", cases: Sequence[EvaluationCase], price: DearestPrice, console: Console
) -> None:
    """What the cases can prove, and what all calls may cost at most: before any is made."""
    each = [
        sum((price(case_request(plan, case, name)) for name in plan.candidates), Decimal(0))
        for case in cases
    ]
    most = sum(each, Decimal(0))
    if plan.cap_micro_usd < min(each, default=most):
        raise FolderError(
            f"the cap of {usd(plan.cap_micro_usd)} is below what one case may cost, "
            f"{usd(min(each))}: raise it, or lower --max-tokens"
        )
    console.print(
        f"{len(cases):,} cases, {len(plan.candidates)} candidates, {plan.latency}. "
        f"All calls cost {usd(most)} if everything goes wrong; the cap is "
        f"{usd(plan.cap_micro_usd)}.",
    )
    rivals = len(plan.candidates) - 1
    for share in _DISCORDANCES:
        needed = cases_not_worse(share, plan.margin, alpha=0.025 / rivals)
        margin = least_margin(share, len(cases), alpha=0.025 / rivals) * 100
        console.print(
            f"If models disagree on {share:.0%} of cases, {needed:,} cases show at most "
            f"{plan.margin * 100:g} points worse; these settle {margin:.1f} points."
        )


def _grader(metric: Metric, catalog: "Catalog") -> AnswerGrader | None:
    if metric.kind in {"judge", "human"}:
        return None
    schema: Any = None
    if metric.kind == "json-schema" and metric.argument:
        text = Path(metric.argument).read_text(encoding="utf-8")
        schema = json.loads(text[:_LONGEST_SCHEMA])
        if not isinstance(schema, dict):
            raise FolderError(f"{metric.argument}: a JSON Schema is an object")
    return AnswerGrader(metric, grading_tools(catalog, schema))


def _known_plan(folder: EvaluationFolder, name: str) -> "EvaluationPlan":
    plan = folder.plan(name)
    if plan is None:
        known = ", ".join(each.name for each in folder.plans()) or "none"
        raise FolderError(f"there is no evaluation {name!r}; there are: {known}")
    return plan


def _write_files(folder: EvaluationFolder, plan: "EvaluationPlan", outcome: Outcome) -> None:
    place = folder.evaluation(plan.name)
    (place / RESULTS).write_bytes(evaluation_bytes(outcome.record))
    page = place / PAGE
    page.write_text(evaluation_html(outcome.record, outcome.answers), encoding="utf-8")
    page.chmod(0o600)
