"""Keys are made, listed and revoked in the configuration file, whose comments stay."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.access.api_keys import Caller, identify
from runtime.config.config_file import parse_config
from switchgear.__main__ import main
from tests.rules.source import ROOT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "switchgear.yaml", tmp_path))


def test_a_key_from_its_making_to_its_end(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = config.read_text("utf-8")
    where = ["--config", str(config)]
    options = ["--tenant", "default", "--scope", "chat", "--rpm", "9", "--expires", "2099-01-01"]
    assert main(["key", "create", "team-a", *options, "--write", *where]) == 0
    key = capsys.readouterr().out.split()[-1]
    text = config.read_text("utf-8")
    assert key not in text
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert all(line in text for line in comments)
    keys = parse_config(text).gateway.keys
    who = identify(key, keys, "chat", datetime.now(UTC))
    assert isinstance(who, Caller)
    assert who.tenant == "default"

    assert main(["key", "list", "--format", "json", *where]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["team-a"]["rpm"] == 9
    assert "sha256" not in shown["team-a"]
    assert main(["key", "list", *where]) == 0
    assert "team-a" in capsys.readouterr().out

    assert main(["key", "create", "team-a", *options, "--write", *where]) == 2
    assert main(["key", "revoke", "team-a", *where]) == 0
    assert parse_config(config.read_text("utf-8")).gateway.keys == {}
    assert main(["key", "revoke", "team-a", *where]) == 2
    assert "no key 'team-a'" in capsys.readouterr().err
