"""Project files that no program of ours reads: they parse, and name what there is."""

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.rules import source

ADRS: Final = source.ROOT / "docs" / "adr"
HEADINGS: Final = ["Context", "Decision", "Consequences", "Measured"]
HOOKS: Final = ".pre-commit-config.yaml"
NO_PLACES: Final = frozenset({"switchgear/1", "switchgear/2"})
"""Words with a slash that name something else: the contract's version."""


def yaml_of(name: str) -> Any:  # noqa: ANN401 (whatever the file says)
    return yaml.safe_load((source.ROOT / name).read_text(encoding="utf-8"))


def hooks() -> list[dict[str, Any]]:
    return [hook for repo in yaml_of(HOOKS)["repos"] for hook in repo["hooks"]]


def pinned_programs() -> set[str]:
    """The programs that `make setup` puts into .venv/bin."""
    pins = (source.ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9._-]+)==", pins, re.MULTILINE)
    installed = {
        one.name.lower().replace("_", "-"): one for one in importlib.metadata.distributions()
    }
    files = (file for name in names if name in installed for file in installed[name].files or ())
    return {file.name for file in files if file.parent.name == "bin"}


def records() -> list[Path]:
    return sorted(ADRS.glob("[0-9]*.md"))


def test_every_yaml_and_json_file_parses() -> None:
    # mkdocs.yml names a Python function, which only its own reader knows: `make docs` reads it
    # and a chart's templates are YAML only once Helm has rendered them: tests/kubernetes does
    documents = [
        path
        for path in source.tracked("*.yaml", "*.yml")
        if path.name != "mkdocs.yml" and path.parent.name != "templates"
    ]
    data = source.tracked("*.json")
    assert documents
    assert data
    for path in documents:
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
    for path in data:
        json.loads(path.read_text(encoding="utf-8"))


def test_the_hooks_come_from_nowhere_else() -> None:
    assert {repo["repo"] for repo in yaml_of(HOOKS)["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks()} == {"system"}


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_a_program_of_the_development_requirements(hook: dict[str, Any]) -> None:
    folder, _, program = hook["entry"].split()[0].rpartition("/")
    assert folder == ".venv/bin"
    assert program in pinned_programs() | {"python"}


def test_the_workflow_runs_what_every_machine_runs() -> None:
    jobs = yaml_of(".github/workflows/ci.yml")["jobs"].values()
    assert ".ci/run" in [step.get("run") for job in jobs for step in job["steps"]]
    assert (source.ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_development_container_sets_the_project_up() -> None:
    place = source.ROOT / ".devcontainer"
    container = json.loads((place / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make setup"
    recipe = (place / container["build"]["dockerfile"]).read_text(encoding="utf-8")
    python = (source.ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert f"FROM python:{python}-" in recipe


def test_decision_records_are_numbered_listed_and_of_one_form() -> None:
    index = (ADRS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", index, re.MULTILINE)
    numbers = [number for number, _, _ in listed]
    assert numbers == sorted(set(numbers))
    assert [name for _, name, _ in listed] == [path.name for path in records()]
    for path, (number, _, title) in zip(records(), listed, strict=True):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {number} {title}\n"), path
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, path


def test_links_between_documents_lead_somewhere() -> None:
    for path in documents():
        text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{source.named(path)}: {target}"


def test_files_and_folders_that_documents_name_are_there() -> None:
    tops = {path.relative_to(source.ROOT).parts[0] for path in source.tracked("*/*")}
    folders = "|".join(re.escape(top) for top in sorted(tops))
    place = re.compile(rf"`((?:{folders})/[\w./*-]+)`")
    names = [
        (path, name)
        for path in documents()
        for name in place.findall(path.read_text(encoding="utf-8"))
        if name not in NO_PLACES
    ]
    assert names
    assert [
        f"{source.named(path)}: {name}"
        for path, name in names
        if not any(any(folder.glob(name.rstrip("/"))) for folder in (source.ROOT, path.parent))
    ] == []


def test_tests_that_documents_name_are_there() -> None:
    named = [
        (path, file, test)
        for path in documents()
        for file, test in re.findall(r"`(tests/[\w./]+\.py)::(\w+)`", path.read_text("utf-8"))
    ]
    assert named
    for path, file, test in named:
        assert f"def {test}(" in (source.ROOT / file).read_text("utf-8"), f"{path}: {file}::{test}"


def documents() -> list[Path]:
    return source.tracked("*.md")
