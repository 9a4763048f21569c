"""Do the rules give each role what it needs, and no tenant another's?"""

import pytest

import gateway.serve.process as gateway
import router.serve.process as router
import runtime.rollouts.process as rollouts
import workers.batching.pool.process as batches
import workers.process as workers
from producers.contract import topics
from runtime.consuming.access_admin import acl_command
from runtime.consuming.access_rules import AccessRule, UnruledTopicError, access_rules
from runtime.consuming.topics_admin import required_topics
from tests.flow.stage import catalog

TENANTS = {
    "acme": {"reply_topics": ["llm.replies.acme", "acme.answers.*", topics.JOB_REPLIES]},
    "acme-two": {"reply_topics": ["llm.replies.acme-two"]},
    "t": {},
    "*": {},
}


def rules(mode: str = "topic", prefix: str = "", **tenants: object) -> list[AccessRule]:
    keys = {"audience": "a", "jwks_file": "f"}
    identity = {"mode": mode, "tokens": keys if mode == "signed" else None}
    return list(access_rules(catalog(tenants=tenants or TENANTS, identity=identity), prefix))


def fits(rule: AccessRule, name: str) -> bool:
    return name.startswith(rule.name) if rule.prefixed else rule.name == name


def allowed(user: str, operation: str, topic: str, mode: str = "topic") -> bool:
    return any(
        (rule.principal, rule.operation, rule.resource) == (f"User:{user}", operation, "Topic")
        and fits(rule, topic)
        for rule in rules(mode)
    )


def test_a_tenant_writes_to_its_own_topics_only() -> None:
    assert allowed("acme", "Write", "llm.requests.acme")
    for topic in (
        "llm.requests",
        "llm.requests.acme-two",
        "llm.tier.economy",
        "llm.usage",
        "llm.dlq",
        "llm.replies.acme",
        "llm.cancellations",
        "llm.cancellations.acme-two",
    ):
        assert not allowed("acme", "Write", topic)


def test_a_tenant_reads_its_own_replies_only() -> None:
    assert allowed("acme", "Read", "llm.replies.acme")
    assert allowed("acme", "Read", "acme.answers.x")
    of_others = ("llm.replies", "llm.replies.acme-two", "acme.answers-of-others", "llm.usage")
    for topic in (*of_others, topics.JOB_REPLIES):
        assert not allowed("acme", "Read", topic)


@pytest.mark.parametrize("mode", ["trusted", "signed"])
def test_where_topics_are_shared_so_is_the_right_to_write_there(mode: str) -> None:
    assert allowed("acme", "Write", "llm.requests", mode)
    assert not allowed("acme", "Write", "llm.requests.acme", mode)


def test_every_prefix_ends_with_its_separator_and_strangers_have_no_rule() -> None:
    for rule in rules():
        assert not rule.prefixed or rule.name[-1] in ".-_"
        assert rule.principal != "User:*"


@pytest.mark.parametrize("name", ["a.b", "a/b", "a:b", "a@b", "ä"])
def test_a_tenant_whose_name_would_reach_further_is_refused(name: str) -> None:
    with pytest.raises(UnruledTopicError, match="topics of its own"):
        list(access_rules(catalog(tenants={name: {}, "t": {}})))


@pytest.mark.parametrize("pattern", ["*", "acme*", "a?.replies", "[ab].replies", "a.*.b"])
def test_reply_topics_that_no_acl_can_say_are_refused(pattern: str) -> None:
    with pytest.raises(UnruledTopicError, match="reply topics"):
        rules(acme={"reply_topics": [pattern]}, t={})


def test_users_may_have_a_prefix() -> None:
    assert {rule.principal for rule in rules(prefix="tenant-")} >= {
        "User:tenant-acme",
        "User:router",
    }


def test_commands_are_as_kafkas_tool_takes_them() -> None:
    rule = AccessRule("User:router", "Read", "Topic", "llm.requests.", prefixed=True)
    assert acl_command(rule, "k:9093") == (
        "kafka-acls.sh --bootstrap-server k:9093 --add --allow-principal User:router "
        "--operation Read --topic llm.requests. --resource-pattern-type prefixed"
    )
    cluster = AccessRule("User:operator", "Create", "Cluster", "kafka-cluster")
    assert acl_command(cluster, "k:9093").endswith("--operation Create --cluster")


def test_where_topics_tell_tenants_apart_they_are_created() -> None:
    names = {topic.name for topic in required_topics(catalog(tenants=TENANTS))}
    assert "llm.requests.acme" not in names
    by_topic = catalog(tenants=TENANTS, identity={"mode": "topic"})
    names = {topic.name for topic in required_topics(by_topic)}
    assert {f"{topic}.acme" for topic in topics.BY_TENANT} <= names
    assert not any("*" in name for name in names)


def test_where_tokens_hold_for_a_time_the_broker_stamps_what_they_come_with() -> None:
    keys = {"audience": "a", "jwks_file": "f"}
    signed = catalog(identity={"mode": "signed", "tokens": keys})
    stamped = {topic.name for topic in required_topics(signed) if topic.logs_time}
    assert stamped == set(topics.BY_TENANT)
    assert not any(topic.logs_time for topic in required_topics(catalog()))


NEEDED = {
    "router": router.ROUTER_TOPICS,
    "worker": (
        *workers.WORKER_TOPICS,
        *batches.BATCH_POOL_TOPICS,
        "llm.batch.eu",
        "llm.tier.economy",
    ),
    "gateway": gateway.GATEWAY_TOPICS,
    "rollouts": rollouts.ROLLOUT_TOPICS,
    "ledger": (topics.USAGE,),
    "evaluation": (topics.REQUESTS, topics.EVALUATION_REPLIES),
    "jobs": (topics.REQUESTS, "llm.requests.acme", topics.JOBS, topics.FILES, topics.JOB_REPLIES),
}


@pytest.mark.parametrize("role", NEEDED)
def test_each_process_sees_the_topics_that_it_waits_for(role: str) -> None:
    for topic in NEEDED[role]:
        assert any(allowed(role, operation, topic) for operation in ("Read", "Write")), topic


@pytest.mark.parametrize("role", ["router", "worker"])
def test_whoever_answers_may_write_to_every_reply_topic(role: str) -> None:
    of_engine = (topics.REPLIES, topics.STORED, topics.JOB_REPLIES, topics.EVALUATION_REPLIES)
    for topic in (*of_engine, "llm.replies.acme", "acme.answers.x"):
        assert allowed(role, "Write", topic), topic
