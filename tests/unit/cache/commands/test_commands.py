"""The cache's commands take file, Redis and embedder from where router and workers take them."""

from pathlib import Path

import pytest

from cache.__main__ import main
from cache.commands.surroundings import CommandError, cache_settings, load_model, redis_client
from runtime.config.sections.cache import CacheSettings, EmbedderSettings
from tests.unit.runtime.config.test_config_file import GOOD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_redis_is_the_one_of_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHGEAR_REDIS", "redis://fleet.example:6399/2")
    kwargs = redis_client().connection_pool.connection_kwargs
    assert (kwargs["host"], kwargs["port"], kwargs["db"]) == ("fleet.example", 6399, 2)
    named = redis_client("redis://other.example")
    assert named.connection_pool.connection_kwargs["host"] == "other.example"


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--tenant", "acme", "--redis", "fleet.example:6399"]) == 2
    assert "Error: Redis: " in capsys.readouterr().err


def test_the_section_is_read_from_the_file_of_the_workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "fleet.yaml").write_text(f"{GOOD}\ncache: {{key_prefix: fleet}}\n")
    monkeypatch.setenv("SWITCHGEAR_CONFIG", "fleet.yaml")
    assert cache_settings().key_prefix == "fleet"


def test_without_a_file_the_defaults_hold_unless_one_was_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_settings() == CacheSettings()
    with pytest.raises(CommandError, match=r"none\.yaml"):
        cache_settings(folder / "none.yaml")
    monkeypatch.setenv("SWITCHGEAR_CONFIG", "gone.yaml")
    with pytest.raises(CommandError, match=r"gone\.yaml"):
        cache_settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{GOOD}\ncache: {{}}\ncache: {{key_prefix: other}}\n", "cache: also defined on line"),
        (f"{GOOD}\ndefault_baselin: x\n", "default_baselin: unknown key"),
        ("cache: {key_prefix: other}\n", "line 1: deployments: this key is missing"),
        ("cache: [", "not YAML"),
        (f"{GOOD}\ncache: {{budgit_ms: 3}}\n", "budgit_ms"),
    ],
)
def test_what_the_workers_refuse_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "switchgear.yaml").write_text(text)
    with pytest.raises(CommandError, match=problem):
        cache_settings()


def test_a_missing_embedder_is_told_with_what_builds_it(folder: Path) -> None:
    (folder / "dev").mkdir()
    (folder / "dev" / "__init__.py").touch()
    (folder / "dev" / "build_embedder.py").write_text("open('built', 'w')")
    missing = CacheSettings(embedder=EmbedderSettings(directory="nowhere"))
    with pytest.raises(CommandError, match=r"(?s)make embedder.*cache\.embedder\.directory"):
        load_model(missing)
    assert not (folder / "built").exists()
