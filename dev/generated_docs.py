"""Generated documentation: the pages under `docs/` that are written from the code.

    python -m dev.generated_docs           write them
    python -m dev.generated_docs --check   say which are stale, with status 1

`docs/asyncapi.json`: the topics, with the schemas of their records. `docs/imports.md`: which room
imports which. `docs/configuration.md`: what `switchgear.yaml` takes. `docs/limits.md`: how much
others may send. `docs/openapi.json`: the gateway's interface. `docs/schemas/`: the JSON Schema of
every record.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dev.asyncapi import asyncapi_json
from dev.config_reference import config_reference
from dev.contract_files.schemas import schema_pages
from dev.import_picture import import_picture
from dev.limits_reference import limits_reference
from gateway.openapi.document import openapi_document


def openapi_json() -> str:
    """The gateway's document, as it serves it."""
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/asyncapi.json": asyncapi_json,
    "docs/imports.md": import_picture,
    "docs/configuration.md": config_reference,
    "docs/limits.md": limits_reference,
    "docs/openapi.json": openapi_json,
    **schema_pages(),
}


def stale_pages() -> list[str]:
    """The pages whose text the code would write otherwise today."""
    return [
        name
        for name, written in PAGES.items()
        if not Path(name).is_file() or Path(name).read_text(encoding="utf-8") != written()
    ]


def main() -> int:
    """Writes the pages, or checks them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        stale = stale_pages()
        if stale:
            print(f"stale, run make docs: {', '.join(stale)}", file=sys.stderr)
        return int(bool(stale))
    for name, written in PAGES.items():
        Path(name).write_text(written(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
