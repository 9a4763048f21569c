"""One prefix for Redis keys, one form for Lua: a file in the folder `lua` of who runs it."""

import re

from tests.rules import source

PRODUCTION = (
    *("producers", "observability", "runtime", "cache", "workers", "router", "gateway"),
    "switchgear",
)
FILES = [path for path in source.ours() if source.named(path).startswith(PRODUCTION)]


def matching(pattern: str) -> set[str]:
    """The production files with such text."""
    return {source.named(path) for path in FILES if re.search(pattern, path.read_text("utf-8"))}


RECORDING_RULES = re.compile("^observability/dashboards/")
"""Prometheus' names have colons, too."""
FORMER = {"workers/delivery/request_identity.py"}
"""Reads what an earlier version wrote."""


def test_the_prefix_of_keys_is_written_in_one_place() -> None:
    assert "runtime/redis/key_names.py" in matching(r'= "switchgear"')
    keys = matching(r'["\'](switchgear|sg):') - FORMER
    assert {name for name in keys if not RECORDING_RULES.match(name)} == set()


def test_lua_is_in_files_and_every_file_is_loaded() -> None:
    assert matching(r"redis\.call\(") == set()
    loaded = {
        (package, name)
        for path in FILES
        for package, names in re.findall(r'lua\("([\w.]+)", ([^)]*)\)', path.read_text("utf-8"))
        for name in re.findall(r"\w+", names)
    }
    there = {
        (source.named(p.parent.parent).replace("/", "."), p.stem) for p in source.tracked("*.lua")
    }
    assert loaded == there


def test_connections_are_opened_in_one_place() -> None:
    assert matching(r"from_url\(|Redis\(|ConnectionPool\(") == {"runtime/redis/connection_pool.py"}
