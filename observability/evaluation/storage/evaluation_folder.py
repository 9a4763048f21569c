"""Evaluation folder: data sets under `data`, and a folder for each evaluation.

Texts of prompts and answers are in data sets, journals and pages; `results.json` has
figures alone. All of the former goes when the data set expires, or its subject is to be erased.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from observability.evaluation.data_sets.data_set_file import (
    DataSetHead,
    UnreadableDataSetError,
    data_set_lines,
    read_cases,
    read_head,
)
from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from observability.evaluation.storage.journal import erase_texts

_LONGEST_HEAD: Final = 10_000
PLAN: Final = "plan.json"
JOURNAL: Final = "calls.jsonl"
LABELS: Final = "labels.json"
RESULTS: Final = "results.json"
PAGE: Final = "report.html"
_WITH_TEXT: Final = (PAGE,)


class FolderError(ValueError):
    """What is asked for isn't there, or can't be used; for a person."""


@dataclass(frozen=True, slots=True)
class ErasedTexts:
    """What was deleted."""

    cases: int = 0
    answers: int = 0
    data_sets: int = 0


@dataclass(frozen=True, slots=True)
class _WhoseCases:
    """A tenant's, or one of its users'."""

    tenant: str
    user: str | None

    def has(self, case: EvaluationCase) -> bool:
        return case.tenant == self.tenant and self.user in {None, case.user}


class EvaluationFolder:
    """All data sets and evaluations of one operator."""

    def __init__(self, root: Path, now_ms: Callable[[], int] | None = None) -> None:
        self.root = root
        self._now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)

    # ---------------------------------------------------------------------------- data sets

    def save(self, head: DataSetHead, cases: Sequence[EvaluationCase]) -> DataSetHead:
        """The head of the new version, once it is on disk. Raises OSError, FolderError."""
        ids = {case.id for case in cases}
        if len(ids) < len(cases):
            raise FolderError("two cases have one id; give each its own")
        versions = [each.version for each in self.heads() if each.name == head.name]
        changes = {"version": max(versions, default=0) + 1, "cases": len(cases)}
        whole = head.model_copy(update=changes)
        self._write_set(whole, cases)
        return whole

    def heads(self) -> list[DataSetHead]:
        """Of all data sets, by name and version."""
        heads = []
        for path in (self.root / "data").glob("*.jsonl"):
            with path.open("rb") as lines:
                heads.append(_head_of(path, lines))
        return sorted(heads, key=lambda head: (head.name, head.version))

    def open_set(self, name: str) -> tuple[DataSetHead, list[EvaluationCase]]:
        """A data set by `name` (its newest version) or `name@version`. Raises FolderError."""
        plain, _, version = name.partition("@")
        heads = self.heads()
        fitting = [
            head
            for head in heads
            if head.name == plain and (not version or str(head.version) == version)
        ]
        if not fitting:
            raise _no_data_set(name, heads)
        path = self._set_path(fitting[-1])
        with path.open("rb") as lines:
            head = _head_of(path, lines)
            if head.expires_ms <= self._now_ms():
                raise FolderError(f"the data set {head.label} has expired")
            try:
                return head, list(read_cases(lines))
            except UnreadableDataSetError as error:
                raise FolderError(f"{path}: {error}") from None

    def _set_path(self, head: DataSetHead) -> Path:
        return self.root / "data" / f"{head.label}.jsonl"

    def _write_set(self, head: DataSetHead, cases: Iterable[EvaluationCase]) -> None:
        path = self._set_path(head)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path) as file:
            file.writelines(data_set_lines(head, cases))

    # -------------------------------------------------------------------------- evaluations

    def evaluation(self, name: str) -> Path:
        """The folder of one evaluation."""
        return self.root / name

    def plan(self, name: str) -> EvaluationPlan | None:
        """The plan of an evaluation; None if there is none. Raises FolderError."""
        path = self.evaluation(name) / PLAN
        if not path.exists():
            return None
        try:
            return EvaluationPlan.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise FolderError(f"{path}: {error.error_count()} mistakes") from None

    def write_plan(self, plan: EvaluationPlan) -> None:
        """Raises OSError."""
        path = self.evaluation(plan.name) / PLAN
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path) as file:
            file.write(plan.model_dump_json(indent=2).encode())

    def plans(self) -> list[EvaluationPlan]:
        """Of all evaluations."""
        names = sorted(path.parent.name for path in self.root.glob(f"*/{PLAN}"))
        return [plan for name in names if (plan := self.plan(name)) is not None]

    # ----------------------------------------------------------------------------- deletion

    def purge(self) -> ErasedTexts:
        """Deletes what has expired: data sets, and all texts of their evaluations."""
        now_ms, erased = self._now_ms(), ErasedTexts()
        for head in self.heads():
            if head.expires_ms <= now_ms:
                erased = self._delete(head, erased)
        return erased

    def delete(self, name: str) -> ErasedTexts:
        """Deletes a data set by `name`, or one version of it, and all texts of its evaluations.

        Raises FolderError where there is none.
        """
        erased, heads = ErasedTexts(), self.heads()
        fitting = [head for head in heads if name in {head.label, head.name}]
        if not fitting:
            raise _no_data_set(name, heads)
        for head in fitting:
            erased = self._delete(head, erased)
        return erased

    def count(self, tenant: str, user: str | None = None) -> int:
        """How many cases are a tenant's, or one of its users'. Raises OSError."""
        whose = _WhoseCases(tenant, user)
        return sum(whose.has(case) for head in self.heads() for case in self._cases_of(head))

    def erase(self, tenant: str, user: str | None = None) -> ErasedTexts:
        """Deletes a tenant's cases everywhere, or those of one of its users.

        Raises OSError, and JournalInUseError while a run asks them: then erase again.
        """
        erased, whose = ErasedTexts(), _WhoseCases(tenant, user)
        for head in self.heads():
            cases = self._cases_of(head)
            gone = {case.id for case in cases if whose.has(case)}
            if not gone:
                continue
            # answers first: a run under way refuses, and who erases again must find the cases
            answers = self._erase_answers(head, frozenset(gone))
            kept = [case for case in cases if case.id not in gone]
            self._write_set(head.model_copy(update={"cases": len(kept)}), kept)
            erased = ErasedTexts(erased.cases + len(gone), erased.answers + answers)
        return erased

    def _cases_of(self, head: DataSetHead) -> list[EvaluationCase]:
        """Also of a set that has expired."""
        with self._set_path(head).open("rb") as lines:
            lines.readline()
            return list(read_cases(lines))

    def _erase_answers(self, head: DataSetHead, cases: frozenset[str]) -> int:
        number = 0
        for plan in self.plans():
            folder = self.evaluation(plan.name)
            if plan.data_set != head.label:
                continue
            requests = frozenset(request for case in cases for request in plan.request_ids(case))
            if (folder / JOURNAL).exists():
                number += erase_texts(folder / JOURNAL, requests)
            _unlink(folder, _WITH_TEXT)
        return number

    def _delete(self, head: DataSetHead, erased: ErasedTexts) -> ErasedTexts:
        self._set_path(head).unlink(missing_ok=True)
        for plan in self.plans():
            if plan.data_set == head.label:
                _unlink(self.evaluation(plan.name), (JOURNAL, *_WITH_TEXT))
        sets, cases = erased.data_sets + 1, erased.cases + head.cases
        return ErasedTexts(cases, erased.answers, sets)


def _no_data_set(name: str, heads: Sequence[DataSetHead]) -> FolderError:
    known = ", ".join(head.label for head in heads) or "none"
    return FolderError(f"there is no data set {name!r}; there are: {known}")


def _head_of(path: Path, lines: IO[bytes]) -> DataSetHead:
    try:
        return read_head(lines.readline(_LONGEST_HEAD))
    except UnreadableDataSetError as error:
        raise FolderError(f"{path}: {error}") from None


def _unlink(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all, for its owner's eyes alone."""
    replacement = path.with_name(f".{path.name}.new")
    with replacement.open("wb") as file:
        replacement.chmod(0o600)
        yield file
    replacement.replace(path)
