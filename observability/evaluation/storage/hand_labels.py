"""Hand labels: which answers do people call good? A CSV to be filled in, and what came back.

Whose answer it is isn't in the file, and its order says nothing.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from observability.evaluation.data_sets.csv_table import table_rows
from observability.evaluation.storage.evaluation_folder import FolderError

_COLUMNS: Final = ("id", "good", "prompt", "reference", "answer")
_FILLED_IN: Final = frozenset({"good"})
_LONGEST_CELL: Final = 4_000_000
_YES: Final = frozenset({"1", "yes", "y", "true", "good"})
_NO: Final = frozenset({"0", "no", "n", "false", "bad"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
MOST_HAND_LABELS: Final = 100_000


@dataclass(frozen=True, slots=True)
class AnswerToLabel:
    """One answer as a person sees it."""

    request: str
    prompt: str
    reference: str
    answer: str


def label_id(request: str) -> str:
    """What stands for a request in the file: it names neither case nor candidate.

    A letter first: what looks like a number, a spreadsheet rounds.
    """
    return f"a{blake2b(request.encode(), digest_size=10).hexdigest()}"


def write_sheet(path: Path, answers: Iterable[AnswerToLabel]) -> int:
    """The number of answers in the file. Raises OSError."""
    rows = sorted(answers, key=lambda each: label_id(each.request))
    with path.open("w", encoding="utf-8", newline="") as file:
        path.chmod(0o600)
        # all in quotes: a semicolon in a text begins a cell where those part the columns
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(_COLUMNS)
        for each in rows:
            texts = (each.prompt, each.reference, each.answer)
            writer.writerow((label_id(each.request), "", *map(_cell, texts)))
    return len(rows)


def read_sheet(path: Path) -> dict[str, bool]:
    """The labels by their ids; what isn't filled in is left out.

    Raises FolderError, UnusableLineError, OSError.
    """
    labels: dict[str, bool] = {}
    with path.open("rb") as file:
        for number, row in table_rows(file, frozenset(_COLUMNS), _FILLED_IN, _LONGEST_CELL):
            said = row.get("good", "").strip().lower()
            if not said:
                continue
            if said not in _YES | _NO:
                raise FolderError(f"line {number}: good is 1 or 0, not {said[:20]!r}")
            labels[row.get("id", "").strip()] = said in _YES
            if len(labels) > MOST_HAND_LABELS:
                raise FolderError(f"line {number}: more than {MOST_HAND_LABELS:,} labels")
    return labels


def keep_labels(path: Path, labels: Mapping[str, bool], requests: Sequence[str]) -> int:
    """Adds to the labels of an evaluation; how many there are. Foreign ids are refused."""
    known = {label_id(request): request for request in requests}
    strange = labels.keys() - known.keys()
    if strange:
        raise FolderError(f"{len(strange)} ids are of another evaluation, e.g. {min(strange)!r}")
    kept = labels_of(path) | {known[name]: good for name, good in labels.items()}
    path.write_text(json.dumps(kept, indent=0), encoding="utf-8")
    path.chmod(0o600)
    return len(kept)


def labels_of(path: Path) -> dict[str, bool]:
    """The labels of an evaluation, by request; none where nobody has labelled."""
    if not path.exists():
        return {}
    kept: Any = json.loads(path.read_text(encoding="utf-8"))
    return {str(name): bool(good) for name, good in kept.items()}


def _cell(text: str) -> str:
    """A foreign text that a spreadsheet won't take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
