"""Which records and lines are a person's, and which topics can have content?"""

import json

import pytest

from producers.contract import topics
from switchgear.personal_data.erasure import is_of, lines_of
from switchgear.personal_data.kafka_traces import has_content

BODY = {"messages": [{"role": "user", "content": "x"}], "user": "jane"}
REQUEST = {"id": "r1", "tenant": "acme", "body": BODY}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (REQUEST, "r1"),
        ({"route": {}, "request": REQUEST}, "r1"),
        ({**REQUEST, "tenant": "globex"}, None),
        ({**REQUEST, "body": {"user": "joe"}}, None),
        ({**REQUEST, "body": "jane"}, None),
        ({**REQUEST, "id": 7}, None),
        ([REQUEST], None),
        ({"request": "jane"}, None),
    ],
)
def test_whose_a_record_is(told: object, found: str | None) -> None:
    assert is_of(json.dumps(told).encode(), "acme", "jane") == found


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{", b"[" * 100_000])
def test_what_cannot_be_read_is_nobodys(raw: bytes) -> None:
    assert is_of(raw, "acme", "jane") is None
    assert lines_of(raw, "jane") == 0


def test_the_lines_of_a_file() -> None:
    lines = [{"custom_id": "1", "body": BODY}, {"body": {"user": "joe"}}, "jane", {"body": BODY}]
    content = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n\n{"
    assert lines_of(content, "jane") == 2


def test_topics_with_prompts_answers_or_tags() -> None:
    names = [
        topics.REQUESTS, "llm.requests.acme", topics.tier_topic("economy", "eu"), topics.STORED,
        topics.batch_topic(), topics.batch_topic("eu"), topics.FILES, topics.DEAD_LETTERS,
        topics.JOB_REPLIES, topics.retry_topic_name(1000), topics.REPLIES, topics.USAGE,
    ]  # fmt: skip
    assert all(map(has_content, names))
    assert not any(map(has_content, [topics.JOBS, topics.BATCHES, topics.CANCELLATIONS, "other"]))
