"""Promotion: how does `switchgear.yaml` change when what an evaluation found is taken over?

Quality by task and model, always the lower end of the interval: the best of several candidates
looks better than it is. The tier's order, where the chosen candidate, a model or a deployment,
stands behind the baseline that it may replace. Nothing is proposed that the configuration's own
check would refuse.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from observability.evaluation.results.evaluation_result import (
    ALL_TASKS,
    EvaluationRecord,
    EvaluationResult,
)
from runtime.config.catalog import Catalog
from runtime.config.config_file import check_config
from runtime.config.prompt_table import variant_text
from runtime.config.yaml_edits import CannotEdit, FlowValue, move_before, set_value


@dataclass(frozen=True, slots=True)
class Promotion:
    """The configuration as it would be."""

    text: str
    notes: tuple[str, ...] = ()
    """What was left out, and why, in words."""


@dataclass(slots=True)
class _Draft:
    """The text as it is being changed."""

    text: str
    notes: list[str] = field(default_factory=list)

    def take(self, changed: str | CannotEdit, what: str) -> None:
        if isinstance(changed, CannotEdit):
            self.notes.append(f"{what} is to be changed by hand: {changed.reason}")
        else:
            self.text = changed


def promote(text: str, record: EvaluationRecord, task: str | None = None) -> Promotion | CannotEdit:
    """The configuration `text` with what `record` found.

    task: for which task the figures over all tasks count, where the cases had none.
    """
    catalog = check_config(text)
    if not isinstance(catalog, Catalog):
        return CannotEdit(f"the configuration has mistakes: {catalog[0]}")
    draft = _Draft(text)
    for result in _promoted(record, task):
        _set_quality(draft, catalog, result, task)
    _set_order(draft, catalog, record)
    _use_variant(draft, catalog, record)
    if not isinstance(check_config(draft.text), Catalog):
        return CannotEdit("the changed file would not be usable; change it by hand")
    return Promotion(draft.text, tuple(draft.notes))


def _promoted(record: EvaluationRecord, task: str | None) -> Iterator[EvaluationResult]:
    """One result for each model and task: the chosen candidate's, else that of the own prompt."""
    specific = any(result.task != ALL_TASKS for result in record.results)
    best: dict[tuple[str, str], EvaluationResult] = {}
    for result in record.results:
        if (result.task == ALL_TASKS) == (specific and task is None) or not result.cases:
            continue
        key = result.model, result.task
        if key not in best or _precedence(result, record) > _precedence(best[key], record):
            best[key] = result
    yield from best.values()


def _precedence(result: EvaluationResult, record: EvaluationRecord) -> tuple[bool, bool]:
    return result.candidate == record.chosen, result.variant is None


def _set_quality(
    draft: _Draft, catalog: Catalog, result: EvaluationResult, task: str | None
) -> None:
    at = task if result.task == ALL_TASKS else result.task
    what = f"the quality of {result.model}"
    if at is None:
        draft.notes.append(f"{what} is of cases without a task: name it with --task")
    elif result.model not in catalog.models:
        draft.notes.append(f"{what} is left out: the file has no such model")
    elif result.relative:
        draft.notes.append(f"{what} at {at} is left out: it was only compared with the baseline")
    else:
        value: FlowValue = {
            "success": round(result.success_low, 4),
            "cases": result.cases,
            "evaluation": result.evaluation,
        }
        draft.take(set_value(draft.text, ("models", result.model, "quality", at), value), what)


def _use_variant(draft: _Draft, catalog: Catalog, record: EvaluationRecord) -> None:
    """The chosen candidate's variant, `<prompt>:<version>`, becomes its family's."""
    chosen = next((each for each in record.results if each.candidate == record.chosen), None)
    if chosen is None or chosen.variant is None or chosen.model not in catalog.models:
        return
    name, _, version = chosen.variant.rpartition(":")
    family = catalog.models[chosen.model].family
    if variant_text(catalog.prompts, chosen.variant, family) is None:
        draft.notes.append(f"the file has no version {chosen.variant!r} for {family}")
        return
    path = ("prompts", name, "variants", family, "use")
    draft.take(set_value(draft.text, path, int(version)), f"the variant of prompt {name}")


def _set_order(draft: _Draft, catalog: Catalog, record: EvaluationRecord) -> None:
    """The chosen candidate in front of the baseline, in each tier that asks the baseline first."""
    models = {result.candidate: result.model for result in record.results}
    chosen = record.chosen
    if chosen is None or chosen not in models or record.baseline not in models:
        return
    theirs = _deployments_of(catalog, chosen, models[chosen])
    anchors = _deployments_of(catalog, record.baseline, models[record.baseline])
    if chosen == record.baseline or (theirs and theirs == anchors):
        return
    if not theirs:
        draft.notes.append(f"{models[chosen]} has no deployment in the file, so no tier can ask it")
    elif all(catalog.deployments[name].on_request for name in theirs):
        draft.notes.append(f"{chosen} is served on request only: no tier will ask it first")
    else:
        nowhere = not any(set(tier.deployments) & set(theirs) for tier in catalog.tiers.values())
        others = [name for name in anchors if name not in theirs]
        _move(draft, catalog, theirs, others, add=nowhere)


def _deployments_of(catalog: Catalog, candidate: str, model: str) -> list[str]:
    """Those that a candidate stands for: the one that it names, else all of its model."""
    name, _, _ = candidate.partition("#")
    if name in catalog.deployments and name not in catalog.models:
        return [name]
    return [name for name, each in catalog.deployments.items() if each.model == model]


def _move(
    draft: _Draft, catalog: Catalog, theirs: list[str], anchors: list[str], *, add: bool
) -> None:
    for name, tier in catalog.tiers.items():
        anchor = next((each for each in tier.deployments if each in anchors), None)
        here = theirs if add else [each for each in tier.deployments if each in theirs]
        if anchor is None or not here:
            continue
        behind = add or any(_place(tier.deployments, each, anchor) for each in here)
        if behind and (add or tier.order == "listed"):
            path = ("tiers", name, "deployments")
            draft.take(move_before(draft.text, path, here, anchor), f"the order of tier {name}")


def _place(deployments: tuple[str, ...], name: str, anchor: str) -> bool:
    """Whether `name` stands behind `anchor`."""
    return deployments.index(name) > deployments.index(anchor)
