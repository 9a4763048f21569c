import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dev import go_programs
from dev.go_programs import GoBuildError, GoProgram, program, wrapping

BIG = GoProgram(
    "big", "folder", "example.org/big", "v1.34.4", "example.org/big/cmd", staging_version="v0.34.4"
)
GO = """#!/bin/sh
echo "$1" >>{folder}/calls
case "$1" in
mod) echo '{{"Dir": "{folder}/module"}}' ;;
build)
  while [ "$1" != -o ]; do shift; done
  echo built >"$2" ;;
esac
exit {code}
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `go` that keeps a list of its calls; what is built goes under `tmp_path`."""
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "go.mod").write_text("module example.org/big\n")
    (tmp_path / "module" / "go.sum").write_text("")
    monkeypatch.setattr(go_programs, "_VAR", tmp_path / "var")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return write_go(tmp_path, code=0)


def write_go(folder: Path, code: int) -> Path:
    script = folder / "go"
    script.write_text(GO.format(folder=folder, code=code))
    script.chmod(0o755)
    return folder


def test_a_program_is_built_once_whoever_asks_meanwhile(go: Path) -> None:
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(program, (BIG, BIG))
    assert first == second == go / "var" / "folder" / "big-v1.34.4"
    assert first.read_text() == "built\n"
    assert (go / "calls").read_text().split() == ["mod", "build"]


def test_a_build_that_failed_is_tried_again(go: Path) -> None:
    write_go(go, code=1)
    with pytest.raises(GoBuildError, match="go mod download"):
        program(BIG)
    write_go(go, code=0)
    assert program(BIG).exists()


def test_a_wrapped_module_takes_the_published_ones_for_its_own_folders() -> None:
    written = (
        "module example.org/big\n\nreplace (\n\texample.org/a => ./staging/src/example.org/a\n"
        "\texample.org/b => ../b\n)\n"
    )
    wrapped = wrapping(written, BIG)
    assert "example.org/a => example.org/a v0.34.4" in wrapped
    assert "../b" not in wrapped
    assert wrapped.endswith("require example.org/big v1.34.4\n")
