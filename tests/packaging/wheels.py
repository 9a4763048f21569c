"""Wheels built and installed without a package index."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILT: Final = shutil.ignore_patterns("__pycache__", "build", "dist", "*.egg-info")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """The command's standard output; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_of(project: Path) -> Path:
    """The wheel of a copy of a project."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", project)
    (wheel,) = (project / "dist").glob("*.whl")
    return wheel


def fresh_python(place: Path, *wheels: Path) -> Path:
    """The interpreter of a fresh environment with the wheels; their requirements are ours."""
    environment = place / "venv"
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    run(*uv, "pip", "install", "--quiet", "--no-deps", "--no-index", "--python", python, *wheels)
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(run(python, "-c", purelib).strip())
    (own / "requirements_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python
