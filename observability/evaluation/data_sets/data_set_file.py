"""Data set file: a named, versioned set of cases with its origin and expiry, as lines of JSON.

The first line is the head, each further line a case.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.data_sets.own_cases import MAX_CASE_BYTES
from producers.contract.message import Message

DATA_SET_FORMAT: Final = "switchgear.cases/1"
PLAIN_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"
"""A name that is also a file's."""


class DataSetHead(Message):
    """What a data set is, and until when it may be kept."""

    format: Literal["switchgear.cases/1"] = DATA_SET_FORMAT
    """The version of this format."""

    name: Annotated[str, Field(pattern=PLAIN_NAME)]
    """The data set's name."""

    version: Annotated[int, Field(ge=1)]
    """Rises with each set of this name."""

    created_ms: Annotated[int, Field(ge=0)]
    """Unix milliseconds."""

    expires_ms: Annotated[int, Field(ge=0)]
    """Unix milliseconds after which it is deleted, with all texts of its evaluations."""

    origin: Literal["recorded requests", "own file"]
    """Where the cases come from."""

    cases: Annotated[int, Field(ge=0)]
    """How many there are."""

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"


class UnreadableDataSetError(ValueError):
    """It isn't a data set; the message says what is wrong."""


def data_set_lines(head: DataSetHead, cases: Iterable[EvaluationCase]) -> Iterator[bytes]:
    """The file's lines."""
    yield head.model_dump_json().encode() + b"\n"
    for case in cases:
        # only what was set: what a request leaves out is the engine's default on the day it's asked
        yield case.model_dump_json(exclude_unset=True, by_alias=True).encode() + b"\n"


def read_head(line: bytes) -> DataSetHead:
    """The head in a file's first line. Raises UnreadableDataSetError."""
    try:
        return DataSetHead.model_validate_json(line)
    except ValidationError as error:
        raise UnreadableDataSetError(_reason("the first line", error)) from None


def read_cases(lines: Iterable[bytes]) -> Iterator[EvaluationCase]:
    """The cases in the further lines. Raises UnreadableDataSetError."""
    for number, line in enumerate(lines, 2):
        if len(line) > 2 * MAX_CASE_BYTES:
            raise UnreadableDataSetError(f"line {number}: too long")
        try:
            yield EvaluationCase.model_validate_json(line)
        except ValidationError as error:
            raise UnreadableDataSetError(_reason(f"line {number}", error)) from None


def _reason(where: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))[:200]
    return f"{where}: {field}: {first['msg']}" if field else f"{where}: {first['msg']}"
