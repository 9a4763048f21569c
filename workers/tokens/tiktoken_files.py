"""Tiktoken's encoding files, put where it finds them offline.

    python -m workers.tokens.tiktoken_files DIRECTORY

They come gzipped in the `bpe-openai` wheel and are byte for byte those that tiktoken would fetch.
Run it when an image is built, and set TIKTOKEN_CACHE_DIR=DIRECTORY where the workers run.
"""

import gzip
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import files
from pathlib import Path
from typing import Final

from workers.tokens.estimate import ENCODING_FILES

_WHEEL: Final = "bpe-openai"
_SHA256: Final = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


def install_encodings(folder: Path) -> Iterator[Path]:
    """Write each file that isn't there yet; gives the path of every one.

    Raises LookupError when the wheel isn't installed, ValueError when a file isn't what it must be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for encoding, name in ENCODING_FILES.items():
        path = folder / name
        if not path.is_file():
            content = _content(encoding)
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.replace(path)
        yield path


def _content(encoding: str) -> bytes:
    """The file out of the wheel, without importing its 72 MB library."""
    name = f"{encoding}.tiktoken.gz"
    packed = next((file for file in files(_WHEEL) or () if file.name == name), None)
    if packed is None:
        raise LookupError(f"the wheel {_WHEEL} has no {name}: install another version of it")
    content = gzip.decompress(Path(str(packed.locate())).read_bytes())
    if sha256(content).hexdigest() != _SHA256[encoding]:
        raise ValueError(f"{name} is not the published encoding: its SHA-256 differs")
    return content


def main(arguments: list[str]) -> None:
    """Install into the directory that is named, and say where."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m workers.tokens.tiktoken_files DIRECTORY")
    for path in install_encodings(Path(arguments[0])):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
