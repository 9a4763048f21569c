"""Docker Compose's own reading of the Compose files, by its library: a Go program, built once."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

_SOURCE: Final = Path(__file__).parent
_ROOT: Final = Path(__file__).parents[2]
_HOME: Final = _ROOT / "var" / "compose"


class ComposeError(Exception):
    """Compose would refuse the files; its words."""


def composed(files: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The project that the files make together, variables filled in. Raises ComposeError."""
    ended = subprocess.run(
        [str(_program()), *files],
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ComposeError(ended.stderr.strip())
    project: Mapping[str, Any] = json.loads(ended.stdout)
    return project


def _program() -> Path:
    """Of this source; go.sum pins what it is made of."""
    source = b"".join((_SOURCE / name).read_bytes() for name in ("main.go", "go.mod", "go.sum"))
    built = _HOME / f"compose-{sha256(source).hexdigest()[:12]}"
    if not built.exists():
        go = shutil.which("go")
        if go is None:
            raise ComposeError("there is no `go` to build its reader: install Go 1.24 or newer")
        _HOME.mkdir(parents=True, exist_ok=True)
        fresh = built.with_suffix(".new")
        command = [go, "build", "-trimpath", "-buildvcs=false", "-o", str(fresh), "."]
        subprocess.run(command, cwd=_SOURCE, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
        fresh.rename(built)
    return built
