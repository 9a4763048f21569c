import pytest

from dev.release.changelog import released, versioned
from dev.release.earlier import last_released
from switchgear.version import VERSION

LOG = """# Changelog

## [Unreleased]

### Added
- A thing.

## [0.1.0] - 2026-01-01

### Added
- The first thing.
"""


def test_what_is_unreleased_becomes_the_releases_section() -> None:
    log, section = released(LOG, "0.2.0", "2026-02-01")
    assert section == "## [0.2.0] - 2026-02-01\n\n### Added\n- A thing.\n"
    heads = [line for line in log.splitlines() if line.startswith("## ")]
    assert heads == ["## [Unreleased]", "## [0.2.0] - 2026-02-01", "## [0.1.0] - 2026-01-01"]
    assert log.replace("## [Unreleased]\n\n## [0.2.0] - 2026-02-01", "## [Unreleased]") == LOG


@pytest.mark.parametrize(
    ("log", "version", "problem"),
    [
        (LOG, "0.1.0", "was released before"),
        (LOG, "two", "no version"),
        (LOG, "0.2.0.dev0", "no version"),
        (LOG.replace("- A thing.", ""), "0.2.0", "nothing is unreleased"),
        ("# Changelog", "0.2.0", "no section"),
    ],
)
def test_what_cannot_be_released_is_said(log: str, version: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        released(log, version, "2026-02-01")


def test_one_line_gives_the_version() -> None:
    assert versioned('VERSION: Final = "1"\n', "0.2.0") == 'VERSION: Final = "0.2.0"\n'
    with pytest.raises(ValueError, match="no line"):
        versioned("nothing", "0.2.0")


def test_the_last_release_is_another_version() -> None:
    assert last_released() != VERSION
