import asyncio
import logging
import os
from pathlib import Path

import pytest

from runtime.config.catalog import Catalog
from runtime.config.config_file import ConfigError
from runtime.config.reload import ReloadedConfig
from tests.unit.runtime.config.test_config_file import GOOD


def first_model(catalog: Catalog) -> str:
    return catalog.deployments["a"].model


SWAPPED = GOOD.replace("models:\n", "models:\n  n: {family: f, context_window: 9000}\n").replace(
    "model: m", "model: n"
)


async def test_a_swap_of_one_line_is_in_force_between_two_looks(tmp_path: Path) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    live = ReloadedConfig(path, first_model)
    assert live() == "m"
    assert not await live.reload()
    path.write_text(SWAPPED)
    assert live() == "m"
    assert await live.reload()
    assert live() == "n"


@pytest.mark.parametrize("bad", ["", "a: b", GOOD.replace("[a]", "[b]"), "\x00"])
async def test_a_bad_file_is_refused_once_and_the_old_one_stays(
    tmp_path: Path, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    live = ReloadedConfig(path, first_model)
    path.write_text(bad)
    with caplog.at_level(logging.ERROR):
        assert not await live.reload()
        assert not await live.reload()
    assert live() == "m"
    assert len(caplog.records) == 1
    path.write_text(SWAPPED)
    assert await live.reload()


async def test_a_file_that_is_gone_and_a_builder_that_breaks_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)

    def build(catalog: Catalog) -> str:
        if "n" in catalog.models:
            raise KeyError("n")
        return first_model(catalog)

    live = ReloadedConfig(path, build)
    path.write_text(SWAPPED)
    assert not await live.reload()
    path.unlink()
    assert not await live.reload()
    assert live() == "m"


async def test_a_file_is_taken_when_it_is_whole(tmp_path: Path) -> None:
    """Its first half may be a good one, without what its second half forbids."""
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    pieces = iter([f"{SWAPPED}# more\n", f"{SWAPPED}# more and more\n"])

    async def goes_on() -> None:
        path.write_text(next(pieces, path.read_text()))

    live = ReloadedConfig(path, first_model, goes_on)
    path.write_text(SWAPPED)
    assert not await live.reload()
    assert not await live.reload()
    assert live() == "m"
    assert await live.reload()
    assert live() == "n"


async def test_a_file_that_stays_away_is_told_once_and_again_when_it_was_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    live = ReloadedConfig(path, first_model)
    for told in (1, 2):
        path.unlink()
        with caplog.at_level(logging.ERROR):
            assert not await live.reload()
            assert not await live.reload()
        assert len(caplog.records) == told
        path.write_text(GOOD)
        assert not await live.reload()


async def test_who_follows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    live, models = ReloadedConfig(path, first_model), asyncio.Queue[str]()
    following = asyncio.create_task(live.watch(models.put_nowait, every_s=0.01))
    path.write_text(SWAPPED)
    assert await asyncio.wait_for(models.get(), 5) == "n"
    following.cancel()


def test_the_first_one_must_be_good(tmp_path: Path) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text("")
    with pytest.raises(ConfigError):
        ReloadedConfig(path, first_model)


async def test_what_is_no_file_holds_nobody_and_is_not_read_without_end(tmp_path: Path) -> None:
    path = tmp_path / "switchgear.yaml"
    path.write_text(GOOD)
    live = ReloadedConfig(path, first_model)
    path.unlink()
    os.mkfifo(path)  # nobody will ever write to it
    assert not await asyncio.wait_for(live.reload(), 5)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert not await asyncio.wait_for(live.reload(), 5)
    path.unlink()
    path.mkdir()
    assert not await live.reload()
    assert live() == "m"
    for wrong in ("/dev/zero", str(tmp_path)):
        with pytest.raises((ConfigError, OSError)):
            ReloadedConfig(Path(wrong), first_model)


async def test_a_mounted_folder_that_is_swapped_whole_is_a_change(tmp_path: Path) -> None:
    # as a kubelet does it: `..data` leads to the folder of the day, each file through it
    for number, text in enumerate((GOOD, SWAPPED)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "switchgear.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("0")
    (tmp_path / "switchgear.yaml").symlink_to("..data/switchgear.yaml")
    live = ReloadedConfig(tmp_path / "switchgear.yaml", first_model)
    assert live() == "m"
    (tmp_path / "..new").symlink_to("1")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert await live.reload()
    assert live() == "n"
