import json
from pathlib import Path

import pytest

from router.__main__ import main

CONFIG = str(Path(__file__).parents[2] / "switchgear.yaml")


def run(*arguments: str) -> int:
    return main(["--config", CONFIG, *arguments])


def test_explain_shows_the_table_and_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "Write a Python function that merges two sorted lists.") == 0
    shown = capsys.readouterr().out
    assert "code" in shown
    assert "economy" in shown
    assert "floor" in shown


def test_explain_as_json_holds_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--json", "--tier", "premium", "hi") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["decision"]["tier"] == "premium"
    assert told["features"]["task"] == "chat"
    assert 0 < told["need"] < 1


def test_explain_tells_why_a_request_would_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--tier", "premum", "hi") == 0
    assert "Did you mean" in capsys.readouterr().out


def test_classify_judges_every_line_and_names_the_bad_ones(tmp_path: Path) -> None:
    prompts = [
        {"prompt": "Who wrote Faust?", "id": 7},
        {"prompt": ["Plan a trip to Rome.", "Now prove that the plan is optimal."]},
        {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
        {"prompt": ""},
        {"prompt": []},
    ]
    lines = [json.dumps(prompt) for prompt in prompts]
    lines += ["", '{"prompt": 3}', '["no object"]', "not json", '{"prompt": [{"role": "king"}]}']
    given, judged = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    given.write_text("\n".join(lines), encoding="utf-8")
    assert run("classify", "--input", str(given), "--output", str(judged)) == 1
    rows = [json.loads(line) for line in judged.read_text(encoding="utf-8").splitlines()]
    assert [("error" in row) for row in rows] == [False] * 5 + [True] * 4
    assert rows[0]["id"] == 7
    assert all(0 < row["score"] < 1 and row["tier"] and row["reason"] for row in rows[:5])
    assert rows[0]["score"] < rows[1]["score"]
    assert rows[5]["error"].startswith("line 7:")


def test_profile_prints_a_section_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = tmp_path / "outcomes.jsonl"
    outcomes.write_text('{"task": "a", "tier": "economy", "good": 1}\n' * 40, encoding="utf-8")
    assert run("profile", "--outcomes", str(outcomes)) == 0
    assert "economy: 0.976" in capsys.readouterr().out
    assert run("profile", "--outcomes", str(outcomes), "--format", "json") == 0
    section = json.loads(capsys.readouterr().out)
    assert section["policy"]["tasks"]["a"]["success"] == {"economy": 0.976}
    assert run("profile", "--outcomes", str(outcomes), "--format", "table") == 0
    assert "97.6%" in capsys.readouterr().out
    outcomes.write_text('{"task": "a"}', encoding="utf-8")
    assert run("profile", "--outcomes", str(outcomes)) == 2
    assert "line 1: tier: Field required" in capsys.readouterr().err


def test_a_file_is_not_judged_onto_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts, link = tmp_path / "prompts.jsonl", tmp_path / "link.jsonl"
    prompts.write_text(line := json.dumps({"prompt": "hi"}) + "\n")
    link.symlink_to(prompts)
    for output in (prompts, link):
        assert run("classify", "--input", str(prompts), "--output", str(output)) == 2
        assert "is the input; name another file" in capsys.readouterr().err
    assert prompts.read_text() == line


@pytest.mark.parametrize(
    "arguments", [["classify", "--input", "/no/such", "--output", "/dev/null"], ["explain", ""]]
)
def test_no_command_ends_in_a_traceback(arguments: list[str]) -> None:
    assert run(*arguments) in {0, 2}
