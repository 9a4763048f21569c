"""Every `switchgear …` line of the documents names a command and options that there are."""

import re
import shlex
from typing import Final

import pytest

from switchgear.__main__ import main
from tests.rules import source

LINE: Final = re.compile(r"^(?:\$ )?(?:SWITCHGEAR_\w+=\S+ )*(switchgear [a-z].*)$", re.MULTILINE)
INLINE: Final = re.compile(r"`(?:SWITCHGEAR_\w+=\S+ )*(switchgear [a-z][^`]*)`")
OPEN: Final = re.compile(r"\s+(?:…|\.\.\.|<|>|- <).*$")


def command_lines() -> list[tuple[str, str]]:
    """(document, command line); where a table lists alternatives, a line for each."""
    lines = []
    for path in source.tracked("README.md", "CONTRIBUTING.md", "docs/*.md", "SECURITY.md"):
        text = path.read_text(encoding="utf-8")
        for line in [*LINE.findall(text), *INLINE.findall(text)]:
            command, _, rest = line.partition(" ")[2].replace("\\|", "|").partition("|")
            lines.append((source.named(path), command))
            *before, _ = command.split()
            alternatives = rest.split("|") if rest else ()
            lines += [(source.named(path), " ".join([*before, word])) for word in alternatives]
    return lines


@pytest.mark.parametrize(("document", "line"), command_lines())
def test_a_documented_command_is_there(
    document: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(OPEN.sub("", line).rstrip("…"), comments=True)
    assert main([*words, "--help"]) == 0, (document, line, capsys.readouterr().err)


def test_the_documents_were_read() -> None:
    assert len(command_lines()) > 40
