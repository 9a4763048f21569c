"""Is the service's wheel complete: every module, every file beside one, and the command?"""

import shutil
import zipfile
from pathlib import Path
from typing import Final

import pytest

from switchgear.version import VERSION
from tests.packaging.wheels import BUILT, ROOT, fresh_python, run, wheel_of
from tests.rules import source

DATA: Final = {".lua", ".sql", ".yaml", ".npz", ".json", ".html", ".css", ".js", ".typed"}
LOADS_ITS_DATA: Final = """
import sys
from pathlib import Path
import cache, observability.reports.render_html, workers.composition, router.serve.process
from observability.price_lists import load_price_book
from router.serve.model_file import default_model
load_price_book()
assert default_model().version
for name in ("cache", "observability", "workers", "router", "runtime", "producers", "switchgear"):
    assert Path(__import__(name).__file__).is_relative_to(sys.prefix), name
print("complete")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("service") / "project"
    project.mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, project)
    for name in source.PACKAGES:
        shutil.copytree(ROOT / name, project / name, ignore=BUILT)
    return wheel_of(project)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_python(tmp_path_factory.mktemp("operator"), wheel)


def test_the_wheel_holds_every_module_and_every_file_beside_one(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = source.tracked(*(f"{package}/*" for package in source.PACKAGES))
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in tracked
        if path.suffix == ".py" or path.suffix in DATA
    }
    assert names == needed


def test_the_command_is_installed(python: Path, tmp_path: Path) -> None:
    command = python.with_name("switchgear")
    assert run(command, "--version", cwd=tmp_path) == f"switchgear {VERSION}\n"
    assert run(python, "-m", "switchgear", "--version", cwd=tmp_path) == f"switchgear {VERSION}\n"
    shutil.copy(ROOT / "switchgear.yaml", tmp_path)
    assert "no mistakes" in run(command, "config", "check", cwd=tmp_path)
    assert "economy" in run(command, "explain", "What is a mutex?", cwd=tmp_path)


def test_what_is_read_beside_a_module_is_there(python: Path, tmp_path: Path) -> None:
    assert run(python, "-c", LOADS_ITS_DATA, cwd=tmp_path) == "complete\n"
