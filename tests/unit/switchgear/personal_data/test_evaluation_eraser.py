"""Evaluation eraser: a person's cases are counted, or go with the answers to them."""

from pathlib import Path

from observability.evaluation.data_sets.data_set_file import DataSetHead
from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.storage.evaluation_folder import EvaluationFolder
from switchgear.personal_data.erasers import EvaluationEraser
from switchgear.personal_data.erasure import Person
from tests.unit.observability.evaluation.evaluation_fakes import case

JANE = Person("t", "jane", frozenset())


def saved(root: Path) -> EvaluationFolder:
    """A data set of two users."""
    folder = EvaluationFolder(root, lambda: 0)
    head = DataSetHead(
        name="set", version=1, created_ms=0, expires_ms=1_000, origin="recorded requests", cases=0
    )
    folder.save(head, [case("a", user="jane"), case("b", user="joe"), case("c", user="jane")])
    return folder


def cases(folder: EvaluationFolder) -> list[EvaluationCase]:
    return folder.open_set("set")[1]


async def test_it_counts_first(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert (await EvaluationEraser(folder).erase(JANE, really=False)).number == 2
    assert len(cases(folder)) == 3


async def test_it_leaves_what_is_others(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert (await EvaluationEraser(folder).erase(JANE, really=True)).number == 2
    assert [each.id for each in cases(folder)] == ["b"]


async def test_no_folder_is_no_case(tmp_path: Path) -> None:
    folder = EvaluationFolder(tmp_path / "none", lambda: 0)
    assert (await EvaluationEraser(folder).erase(JANE, really=True)).number == 0
