from decimal import Decimal
from pathlib import Path

import pytest

from observability.evaluation.data_sets.data_set_file import DataSetHead
from observability.evaluation.storage import hand_labels
from observability.evaluation.storage.evaluation_folder import (
    JOURNAL,
    PAGE,
    RESULTS,
    ErasedTexts,
    EvaluationFolder,
    FolderError,
)
from observability.evaluation.storage.hand_labels import (
    AnswerToLabel,
    keep_labels,
    label_id,
    labels_of,
    read_sheet,
    write_sheet,
)
from observability.evaluation.storage.journal import (
    EvaluationJournal,
    JournalInUseError,
    erase_texts,
)
from tests.unit.observability.evaluation.evaluation_fakes import call, case, plan

HEAD = DataSetHead(
    name="set", version=1, created_ms=0, expires_ms=1_000, origin="recorded requests", cases=0
)


def folder(tmp_path: Path, now_ms: int = 0) -> EvaluationFolder:
    return EvaluationFolder(tmp_path, lambda: now_ms)


def evaluated(tmp_path: Path) -> EvaluationFolder:
    """A data set of two tenants with an evaluation of it."""
    opened = folder(tmp_path)
    cases = [case("a"), case("b", user="u"), case("c", user="u"), case("d", tenant="other")]
    opened.save(HEAD, cases)
    opened.write_plan(plan())
    journal = EvaluationJournal(tmp_path / "trial" / JOURNAL)
    for each in "abcd":
        name = plan().request_id(each, "small")
        journal.reserve(name, "t", Decimal(5))
        journal.answer(call(name, text=f"text of {each}"))
    journal.close()
    for name in (PAGE, RESULTS):
        (tmp_path / "trial" / name).write_text("x")
    return opened


def texts(tmp_path: Path) -> str:
    return "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_each_save_is_a_new_version(tmp_path: Path) -> None:
    opened = folder(tmp_path)
    assert opened.save(HEAD, [case("a")]).label == "set@1"
    assert opened.save(HEAD, [case("b"), case("c")]).label == "set@2"
    assert [each.id for each in opened.open_set("set")[1]] == ["b", "c"]
    assert [each.id for each in opened.open_set("set@1")[1]] == ["a"]
    with pytest.raises(FolderError, match="there are: set@1, set@2"):
        opened.open_set("set@3")


def test_a_case_reads_back_as_it_was(tmp_path: Path) -> None:
    whole = case("a", residency=("eu",), user="u", group="g", task="sql", count=3)
    folder(tmp_path).save(HEAD, [whole])
    (read,) = folder(tmp_path).open_set("set")[1]
    assert read.model_dump() == whole.model_dump()


def test_only_its_owner_reads_a_file(tmp_path: Path) -> None:
    evaluated(tmp_path)
    for path in (tmp_path / "data" / "set@1.jsonl", tmp_path / "trial" / JOURNAL):
        assert path.stat().st_mode & 0o077 == 0


def test_two_cases_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="one id"):
        folder(tmp_path).save(HEAD, [case("a"), case("a")])


def test_what_has_expired_goes_with_all_its_texts(tmp_path: Path) -> None:
    evaluated(tmp_path)
    assert folder(tmp_path, 999).purge() == ErasedTexts()
    with pytest.raises(FolderError, match="expired"):
        folder(tmp_path, 1_000).open_set("set")
    assert folder(tmp_path, 1_000).purge() == ErasedTexts(cases=4, answers=0, data_sets=1)
    assert "text of" not in texts(tmp_path)
    assert (tmp_path / "trial" / RESULTS).exists()
    assert not (tmp_path / "trial" / PAGE).exists()


def test_a_users_words_are_erased_everywhere(tmp_path: Path) -> None:
    assert evaluated(tmp_path).count("t", "u") == 2
    erased = folder(tmp_path).erase("t", "u")
    assert folder(tmp_path).count("t", "u") == 0
    assert (erased.cases, erased.answers) == (2, 2)
    left = texts(tmp_path)
    assert "text of a" in left
    assert "text of d" in left
    assert "text of b" not in left
    assert "Ask b" not in left
    assert not (tmp_path / "trial" / PAGE).exists()
    assert [each.id for each in folder(tmp_path).open_set("set")[1]] == ["a", "d"]


def test_a_tenant_is_erased_and_its_bill_stays(tmp_path: Path) -> None:
    assert evaluated(tmp_path).erase("t") == ErasedTexts(cases=3, answers=3)
    journal = EvaluationJournal(tmp_path / "trial" / JOURNAL)
    journal.close()
    assert len(journal.reserved) == len(journal.answered) == 4
    assert {each.cost_micro_usd for each in journal.answered.values()} == {Decimal(10)}
    left = [each.request for each in journal.answered.values() if each.text]
    assert left == [plan().request_id("d", "small")]


def test_what_a_run_is_asking_is_erased_by_erasing_again(tmp_path: Path) -> None:
    opened, path = evaluated(tmp_path), tmp_path / "trial" / JOURNAL
    late = plan().request_id("b", "large")
    running = EvaluationJournal(path)
    running.reserve(late, "t", Decimal(5))
    with pytest.raises(JournalInUseError):
        opened.erase("t", "u")
    assert opened.count("t", "u") == 2
    running.close()
    assert opened.erase("t", "u") == ErasedTexts(cases=2, answers=2)
    assert "text of b" not in texts(tmp_path)
    again = EvaluationJournal(path, only_read=True)
    # a run that goes on takes nothing that comes late, or is read again from the topic
    assert again.answered[late].outcome == "no reply"


def test_a_data_set_that_isnt_there_isnt_deleted_in_silence(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="no data set 'sett'; there are: set@1"):
        evaluated(tmp_path).delete("sett")


def test_a_line_that_was_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    journal = EvaluationJournal(path)
    journal.reserve("r1", "t", Decimal("0.5"))
    journal.answer(call("r1"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"reserved": "r2", "ten')
    again = EvaluationJournal(path)
    again.reserve("r3", "t", Decimal(1))
    again.close()
    assert again.answered == {"r1": call("r1")}
    third = EvaluationJournal(path, only_read=True)
    assert third.reserved == {"r1": Decimal("0.5"), "r3": Decimal(1)}


def test_one_process_at_a_time_asks_for_an_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "trial" / "calls"
    path.parent.mkdir()
    first = EvaluationJournal(path)
    with pytest.raises(JournalInUseError, match="trial is being run"):
        EvaluationJournal(path)
    with pytest.raises(JournalInUseError):
        erase_texts(path, frozenset({"r"}))
    assert EvaluationJournal(path, only_read=True).reserved == {}
    first.close()
    EvaluationJournal(path).close()


def test_a_sheet_names_nobody_and_holds_no_formula(tmp_path: Path) -> None:
    sheet, kept = tmp_path / "sheet.csv", tmp_path / "labels.json"
    answers = [AnswerToLabel(f"r{n}/large", "=1+1", "a;=2+2", "@answer") for n in range(3)]
    assert write_sheet(sheet, answers) == 3
    text = sheet.read_text()
    assert "large" not in text
    assert "'=1+1" in text
    assert "'@answer" in text
    assert '"a;=2+2"' in text
    first = label_id("r0/large")
    filled = text.replace(f'"{first}","",', f'"{first}",Yes,')
    sheet.write_text(filled)
    assert keep_labels(kept, read_sheet(sheet), ["r0/large"]) == 1
    assert labels_of(kept) == {"r0/large": True}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("id,good\nx,maybe\n", "line 2"),
        ("id;good\nx;1\n", "another evaluation"),
        ("id,bad\nx,1\n", "no column `good`"),
    ],
)
def test_labels_that_arent_are_refused(tmp_path: Path, rows: str, words: str) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(rows)
    with pytest.raises(ValueError, match=words):
        keep_labels(tmp_path / "labels.json", read_sheet(sheet), ["r"])


def test_a_sheet_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_labels, "MOST_HAND_LABELS", 2)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("id,good\na,1\nb,0\n")
    assert read_sheet(sheet) == {"a": True, "b": False}
    sheet.write_text("id,good\na,1\nb,0\nc,1\n")
    with pytest.raises(FolderError, match="line 4: more than 2 labels"):
        read_sheet(sheet)
