import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import topics
from producers.contract.topics import may_reply_to

INTERNAL = [
    topics.REQUESTS,
    topics.USAGE,
    topics.DEAD_LETTERS,
    topics.CANCELLATIONS,
    topics.FEEDBACK,
    topics.CACHE_INVALIDATIONS,
    topics.tier_topic("economy"),
    topics.tier_topic("economy", "eu"),
    topics.retry_topic_name(1000),
    "__consumer_offsets",
]


@pytest.mark.parametrize("topic", INTERNAL)
def test_the_engines_own_topics_are_refused_whatever_is_allowed(topic: str) -> None:
    assert not may_reply_to(topic, ["*", topic])


def test_patterns_are_the_shells() -> None:
    allowed = ["llm.replies", "team-a.replies.*"]
    asked = ["llm.replies", "team-a.replies.x", "team-b.replies.x", "LLM.replies", "llm.replies.x"]
    assert [may_reply_to(topic, allowed) for topic in asked] == [True, True, False, False, False]


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "ä", "x" * 250, "a\nb", "a\n"])
def test_what_kafka_calls_no_topic_is_refused(topic: str) -> None:
    assert not may_reply_to(topic, ["*"])


@given(st.text(max_size=30))
def test_nothing_is_allowed_to_who_is_allowed_nothing(topic: str) -> None:
    assert not may_reply_to(topic, [])
