"""The table of providers and capabilities claims nothing that no test shows."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_cell_names_a_test_that_exists() -> None:
    text = (ROOT / "docs/providers.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "test_" in line]
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) == 9
    for row in rows:
        cells = row.strip("| ").split(" | ")
        assert len(cells) == 6
        for cell in cells[1:]:
            named = re.findall(r"`(test_\w+)`", cell)
            assert named, f"{cells[0]}: {cell}"
            assert all(f"def {name}(" in sources for name in named), cell
