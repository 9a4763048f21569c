import io
import json
import logging
import re
import time
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from observability.logs import REDACTED, SECRET_KEY, logger, redact, start_logging, without_secrets


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    yield stream
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_json_line_with_the_processs_fields(out: io.StringIO) -> None:
    start_logging(out=out)
    logger(role="router").info("routed", tier="economy", ms=1.5)
    (line,) = lines(out)
    assert line["event"] == "routed"
    assert (line["role"], line["tier"], line["ms"]) == ("router", "economy", 1.5)
    assert {"level", "timestamp"} <= line.keys()


def test_library_loggers_write_json_too_and_are_redacted(out: io.StringIO) -> None:
    start_logging(out=out)
    logging.getLogger("aiokafka").warning("cannot reach sasl://user:hunter22@broker")
    (line,) = lines(out)
    assert line["logger"] == "aiokafka"
    assert "hunter22" not in str(line)


@pytest.mark.parametrize("content", [False, True])
def test_a_library_that_writes_whole_records_is_heard_only_with_content(
    out: io.StringIO, *, content: bool
) -> None:
    start_logging("DEBUG", content=content, out=out)
    logging.getLogger("aiokafka.conn").debug("request: %r", b"a prompt")
    logging.getLogger("aiokafka.conn").info("a partition")
    assert ("a prompt" in out.getvalue()) is content
    assert "a partition" in out.getvalue()


def test_secrets_are_redacted_by_name_and_by_form(out: io.StringIO) -> None:
    start_logging(out=out)
    logger().info(
        "call",
        headers={"Authorization": "Bearer abc", "x-api-key": "k"},
        note="failed with sk-proj-abcdefgh12345678",
        url=["redis://default:hunter22@redis:6379"],
        input_tokens=12,
    )
    (line,) = lines(out)
    assert line["headers"] == {"Authorization": REDACTED, "x-api-key": REDACTED}
    assert line["note"] == f"failed with {REDACTED}"
    assert line["url"] == [f"redis://{REDACTED}@redis:6379"]
    assert line["input_tokens"] == 12


def test_prompts_appear_only_when_switched_on(out: io.StringIO) -> None:
    start_logging(out=out)
    logger().info("x", messages=[{"content": "my diagnosis"}], nested={"prompt": "my diagnosis"})
    assert "diagnosis" not in out.getvalue()
    structlog.reset_defaults()
    start_logging(out=out, content=True)
    logger().info("x", messages=[{"content": "my diagnosis"}])
    assert "diagnosis" in out.getvalue()


def test_an_exceptions_text_is_redacted(out: io.StringIO) -> None:
    start_logging(out=out)
    try:
        int("bad key sk-ant-REDACTED")
    except ValueError:
        logger().exception("failed")
    assert "sk-ant" not in out.getvalue()
    assert "ValueError" in out.getvalue()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_redaction_leaves_other_text_alone(text: str) -> None:
    if not any(mark in text for mark in ("sk-", "AKIA", "AIza", "xox", "gh", "://", "earer")):
        assert without_secrets(text) == text


@pytest.mark.parametrize("content", [False, True])
def test_an_error_says_where_and_only_with_content_what(out: io.StringIO, *, content: bool) -> None:
    start_logging(out=out, content=content)
    prompt, answer = "a planted prompt", "a planted answer"
    known: dict[str, str] = {}
    try:
        try:
            known[prompt]
        except KeyError as error:
            raise ValueError(answer) from error
    except ValueError:
        logger().exception("ours")
        logging.getLogger("runtime.consuming.stream").exception("handler failed")
    for line in lines(out):
        told = str(line["exception"])
        assert "ValueError" in told
        assert "KeyError" in told
        assert "test_logs.py" in told
        assert (prompt in told, answer in told) == (content, content)


ascii_letters = st.characters(max_codepoint=127)
LOGIN = re.compile(r"://[^/\s:@]*:[^\s@]+@")


@given(
    st.from_regex(SECRET_KEY, alphabet=ascii_letters) | st.from_regex(LOGIN, alphabet=ascii_letters)
)
def test_no_line_escapes_for_want_of_a_hint(text: str) -> None:
    told = redact(None, "info", {"event": "x", "note": text})
    assert told["note"] == without_secrets(text) != text


@pytest.mark.parametrize("address", ["redis://:hunter22@redis:6379", "amqp://me:a/b@host"])
def test_passwords_of_any_form_in_addresses_are_redacted(address: str) -> None:
    scheme, _, rest = address.partition("://")
    assert without_secrets(address) == f"{scheme}://{REDACTED}@{rest.partition('@')[2]}"


@given(st.text(":/@ab \n", max_size=40))
def test_every_login_in_an_address_is_redacted_and_nothing_else(text: str) -> None:
    assert without_secrets(text) == re.sub(r"(?<=://)[^/\s:@]*:\S*(?=@)", REDACTED, text)


@pytest.mark.parametrize(
    "text",
    ["://", "://:", "://a:", "://a", "@", "a=", ":", "://a:b@", "sk-", "AKIA", "xoxb-", "bearer "],
)
def test_redaction_takes_linear_time(text: str) -> None:
    long = text * (100_000 // len(text))
    begun = time.process_time()
    without_secrets(long)
    told = redact(None, "info", {"event": "://", "note": long, "more": [long]})
    assert time.process_time() - begun < 0.5
    assert len(str(told["note"])) < 40_000


def test_a_secret_at_the_cut_is_redacted() -> None:
    text = "x" * 32_760 + " sk-proj-abcdefgh12345678 " + "y" * 5_000
    assert "sk-p" not in str(redact(None, "info", {"event": text})["event"])


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "wJalr"),
        ("the token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123 is old", "eyJ"),
        ("api-key: 0123456789abcdef0123456789abcdef", "0123456789"),
        ('{"password": "correct-horse"}', "horse"),
        ("redis://user:p@ss@word@host/0", "word"),
        ("refresh_token=abcdefghijkl", "abcdef"),
    ],
)
def test_a_secret_without_a_form_is_known_by_its_name(text: str, secret: str) -> None:
    assert secret not in without_secrets(text)
    assert secret not in str(redact(None, "info", {"event": "x", "note": text})["note"])


@pytest.mark.parametrize(
    "text",
    ["prompt_tokens=12345678", "the key: 7", "secretary: Alexandra", "token budget: 128000 tokens"],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert without_secrets(text) == text
