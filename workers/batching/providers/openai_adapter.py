"""OpenAI's, Azure's and Mistral's batch interfaces: a file, then a batch of it.

The two steps leave two kinds of orphans. A file without a batch costs nothing and is sent again; a
batch without a record is found by our key in its metadata.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from producers.contract.batch_record import BatchRecord
from workers.batching.providers.adapter import Away, Created, CreateOutcome, LineItem, NotCreated
from workers.batching.providers.create_outcome import not_created, not_uploaded
from workers.batching.providers.http_exchange import HttpAnswer, HttpExchange, NoAnswer
from workers.batching.wires import mistral_batches, openai_batches
from workers.batching.wires.batch_status import BatchStatus, ResultLine, text
from workers.providers.reading_thread import read_aside

_SKEW_S: Final = 300.0
_PAGES: Final = 50
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class FileBatchDialect:
    """What differs between the providers of this kind."""

    batches: str
    """The path of batches; files: as well."""
    files: str
    suffix: str
    """After each path: Azure's version."""
    line: Callable[[str, bytes], bytes]
    creation: Callable[[str, str], Mapping[str, Any]]
    """(file id, key) → the body that creates the batch."""
    status: Callable[[Mapping[str, Any]], BatchStatus]
    result: Callable[[bytes], ResultLine]


def openai_dialect(url: str, window_h: int) -> FileBatchDialect:
    """OpenAI's own, and Azure's newer surface. url: of a line, as the provider wants it."""
    return FileBatchDialect(
        "/batches",
        "/files",
        "",
        lambda custom_id, body: openai_batches.openai_line(custom_id, body, url),
        lambda file_id, key: openai_batches.openai_creation(file_id, key, url, window_h),
        openai_batches.openai_status,
        openai_batches.openai_result,
    )


def azure_dialect(version: str, window_h: int) -> FileBatchDialect:
    """Azure's dated surface, below the resource."""
    plain = openai_dialect("/chat/completions", window_h)
    suffix = f"?api-version={version}"
    return FileBatchDialect(
        "/openai/batches",
        "/openai/files",
        suffix,
        plain.line,
        plain.creation,
        plain.status,
        plain.result,
    )


def mistral_dialect(model: str, window_h: int) -> FileBatchDialect:
    """Mistral's jobs."""
    return FileBatchDialect(
        "/batch/jobs",
        "/files",
        "",
        mistral_batches.mistral_line,
        lambda file_id, key: mistral_batches.mistral_creation(file_id, key, model, window_h),
        mistral_batches.mistral_status,
        mistral_batches.mistral_result,
    )


class FileBatchAdapter:
    """A `BatchAdapter` of a provider that takes files."""

    def __init__(self, exchange: HttpExchange, dialect: FileBatchDialect) -> None:
        self._exchange = exchange
        self._dialect = dialect

    def refusal(self, body: bytes) -> str | None:  # noqa: ARG002 the protocol's
        """All that a call can say."""
        return None

    async def create(self, record: BatchRecord, items: Sequence[LineItem]) -> CreateOutcome:
        """The file, then the batch, each once."""
        dialect = self._dialect
        content = b"\n".join(dialect.line(item.custom_id, item.body) for item in items) + b"\n"
        uploaded = await self._exchange.upload(
            dialect.files + dialect.suffix, openai_batches.input_file_name(record.key), content
        )
        file_id = _id_of(uploaded)
        if file_id is None:
            return not_uploaded(uploaded)
        body = to_json(dialect.creation(file_id, record.key))
        created = await self._exchange.post(dialect.batches + dialect.suffix, body)
        batch_id = _id_of(created)
        return not_created(created) if batch_id is None else Created(batch_id)

    async def find(self, record: BatchRecord, known: frozenset[str]) -> Created | NotCreated | Away:
        """Newest first, back to before the creation was asked for."""
        since_s, after = record.formed_ms / 1000 - _SKEW_S, ""
        for page in range(_PAGES):
            answer = await self._page(page, after)
            if isinstance(answer, Away):
                return answer
            for status in answer:
                if status.mark == record.key and status.id not in known:
                    return Created(status.id)
            if len(answer) < _PAGE or (answer[-1].created_s or since_s) < since_s:
                break
            after = answer[-1].id
        return NotCreated("not found at the provider", retry=True)

    async def _page(self, page: int, after: str) -> list[BatchStatus] | Away:
        if self._dialect.batches == "/batch/jobs":
            query = {"page": str(page), "page_size": str(_PAGE)}
        else:
            query = {"limit": str(_PAGE), **({"after": after} if after else {})}
        answer = await self._exchange.get(self._dialect.batches + self._dialect.suffix, query)
        if isinstance(answer, NoAnswer) or answer.failure is not None:
            return Away(_reason(answer))
        listed = answer.body.get("data")
        rows = listed if isinstance(listed, list) else []
        return [self._dialect.status(row) for row in rows if isinstance(row, Mapping)]

    async def status(self, record: BatchRecord) -> BatchStatus | Away:
        """One GET."""
        answer = await self._exchange.get(self._path(record))
        if isinstance(answer, NoAnswer) or answer.failure is not None:
            return Away(_reason(answer))
        return self._dialect.status(answer.body)

    async def cancel(self, record: BatchRecord) -> Away | None:
        """What is in work is still done, and billed."""
        answer = await self._exchange.post(self._path(record, "/cancel"), b"{}")
        return Away(answer.reason) if isinstance(answer, NoAnswer) else None

    async def results(self, status: BatchStatus) -> AsyncIterator[ResultLine]:
        """Both files: what was done, and what failed or was not done."""
        dialect = self._dialect
        for file_id in status.results:
            path = f"{dialect.files}/{file_id}/content{dialect.suffix}"
            async for line in self._exchange.lines(path):
                yield await read_aside(dialect.result, line)

    def _path(self, record: BatchRecord, deed: str = "") -> str:
        return f"{self._dialect.batches}/{record.provider_id}{deed}{self._dialect.suffix}"


def _id_of(answer: HttpAnswer | NoAnswer) -> str | None:
    if isinstance(answer, NoAnswer) or answer.failure is not None:
        return None
    return text(answer.body.get("id")) or None


def _reason(answer: HttpAnswer | NoAnswer) -> str:
    return answer.reason if isinstance(answer, NoAnswer) else f"HTTP {answer.status}"
