"""Access administration: rules as commands for Kafka's tool, or written to the cluster."""

from collections.abc import Iterable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from runtime.consuming.access_rules import AccessRule, Operation, Resource

# Kafka's own numbers (org.apache.kafka.common.acl.AclOperation, resource.ResourceType …)
_RESOURCES: Final[dict[Resource, int]] = {"Topic": 2, "Group": 3, "Cluster": 4}
_OPERATIONS: Final[dict[Operation, int]] = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Alter": 7,
    "Describe": 8,
}
_LITERAL: Final = 3
_PREFIXED: Final = 4
_ALLOW: Final = 3
_ANY_HOST: Final = "*"


def acl_command(rule: AccessRule, bootstrap: str) -> str:
    """The command line that adds the rule, for a shell: no name in it needs quotes."""
    resource = (
        "--cluster" if rule.resource == "Cluster" else f"--{rule.resource.lower()} {rule.name}"
    )
    pattern = " --resource-pattern-type prefixed" if rule.prefixed else ""
    return (
        f"kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal {rule.principal} "
        f"--operation {rule.operation} {resource}{pattern}"
    )


async def apply_access_rules(settings: KafkaSettings, rules: Iterable[AccessRule]) -> int:
    """Adds the rules to the cluster; returns how many. Adding one again changes nothing.

    Raises KafkaError, RuntimeError with the broker's words for a rule that it refuses.
    """
    added = 0
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    try:
        for rule in rules:
            # aiokafka has the request, but no method of its client that sends it
            response = await admin._send_request(_creation(rule))  # noqa: SLF001
            for code, message in response.creation_responses:
                if code:
                    words = message or f"error {code}"
                    raise RuntimeError(f"the broker refuses {rule}: {words}")
            added += 1
    finally:
        await admin.close()
    return added


def _creation(rule: AccessRule) -> CreateAclsRequest:
    return CreateAclsRequest(
        _RESOURCES[rule.resource],
        rule.name,
        _PREFIXED if rule.prefixed else _LITERAL,
        rule.principal,
        _ANY_HOST,
        _OPERATIONS[rule.operation],
        _ALLOW,
    )
