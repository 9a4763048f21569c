"""A file in a multipart form: read piece by piece, within its limit."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from gateway.connections.connection import ClientGone
from gateway.connections.http_limits import HttpLimits
from gateway.connections.upload import UploadRefusedError, read_upload
from runtime import limits

FORM = "multipart/form-data; boundary=b"


FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def body(content: bytes, purpose: bytes = b"batch") -> bytes:
    field = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n%b\r\n' % purpose
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    return field + head + content + b"\r\n--b--\r\n"


def arriving(pieces: Sequence[bytes]) -> Callable[[], Awaitable[dict[str, object]]]:
    """ASGI's `receive`: the pieces, then the caller is gone."""
    waiting = list(pieces)

    async def receive() -> dict[str, object]:
        if not waiting:
            return {"type": "http.disconnect"}
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    return receive


async def read(pieces: Sequence[bytes], most: int, kind: str = FORM) -> bytes:
    upload, feeding = await read_upload(kind, arriving(pieces), most, HttpLimits())
    try:
        return b"".join([piece async for piece in upload.content()])
    finally:
        feeding.cancel()


async def test_a_file_is_read_however_it_is_cut() -> None:
    content = b'{"custom_id": "1"}\n' * 50
    whole = body(content)
    for size in (1, 7, 100, len(whole)):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert await read(pieces, len(whole)) == content


async def test_so_many_bytes_are_taken_and_no_more() -> None:
    assert limits.UPLOAD.value == 200 * 1024 * 1024
    whole = body(b"x" * 5_000)
    assert await read([whole], len(whole)) == b"x" * 5_000
    with pytest.raises(UploadRefusedError, match="at most"):
        await read([whole], len(whole) - 1)


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", body(b"x")),
        (FORM, b"no form at all"),
        (FORM, b"--b--\r\n"),
        (FORM, FIELD * 40 + b"--b--\r\n"),
        (FORM, FIELD * 40 + body(b"x")),
        (FORM, b"\r\n" * 20_000 + body(b"x")),
        (FORM, b"--b\r\n" + b"x-a: 1\r\n" * 20_000 + body(b"x")),
        (FORM, body(b"x", purpose=b"\r\n" * 20_000)),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(kind: str, whole: bytes) -> None:
    with pytest.raises(UploadRefusedError):
        await read([whole], 100_000, kind)


async def test_a_caller_that_leaves_is_gone() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await read_upload(FORM, receive, 100, HttpLimits())
