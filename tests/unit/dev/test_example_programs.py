import os
from pathlib import Path

import pytest

from dev import example_programs
from dev.example_programs import ExampleBuildError, build_example, folder_of

GO = """#!/bin/sh
echo "$1" >>{folder}/calls
if [ "$1" = build ]; then echo built >"$3"; fi
exit {code}
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with Go's example, and a stand-in for `go`, the only tool on the machine."""
    monkeypatch.setattr(example_programs, "ROOT", tmp_path)
    monkeypatch.setattr(example_programs, "_VAR", tmp_path / "var")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    for folder in ("bin", "docs/schemas", "examples/go", "examples/java"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "examples/go/main.go").write_text("package main\n")
    (tmp_path / "docs/schemas/request.json").write_text("{}")
    write_go(tmp_path, code=0)
    return tmp_path


def write_go(tree: Path, code: int) -> None:
    script = tree / "bin" / "go"
    script.write_text(GO.format(folder=tree, code=code))
    script.chmod(0o755)


def calls(tree: Path) -> list[str]:
    return (tree / "calls").read_text().split()


def test_an_example_is_built_again_when_a_source_or_a_schema_changes(tree: Path) -> None:
    build_example("go")
    build_example("go")
    assert calls(tree) == ["generate", "build"]
    (tree / "docs/schemas/request.json").write_text('{"title": "Request"}')
    build_example("go")
    assert calls(tree) == ["generate", "build"] * 2
    (tree / "examples/go/main.go").write_text("package main // changed\n")
    build_example("go")
    (folder_of("go") / "switchgear-example").unlink()
    build_example("go")
    assert calls(tree) == ["generate", "build"] * 4


def test_a_build_that_failed_says_what_and_is_tried_again(tree: Path) -> None:
    write_go(tree, code=1)
    with pytest.raises(ExampleBuildError, match=r"go generate \./\.\.\.` in .*examples/go failed"):
        build_example("go")
    write_go(tree, code=0)
    build_example("go")
    assert (folder_of("go") / "switchgear-example").exists()


def test_a_missing_tool_is_named_with_where_it_comes_from(tree: Path) -> None:
    with pytest.raises(ExampleBuildError, match=r"no `javac`.*default-jdk-headless"):
        build_example("java")
    assert not (tree / "calls").exists()
