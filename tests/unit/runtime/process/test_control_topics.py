from itertools import product

import pytest
from faststream.kafka.security import parse_security

from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from runtime.process.control_topics import framework_security

PLAIN = ("PLAINTEXT", "SSL")
ACCOUNT = {"kafka_sasl_username": "me", "kafka_sasl_password": "s3cret"}
KINDS = [
    *({"kafka_security_protocol": protocol} for protocol in PLAIN),
    *(
        {"kafka_security_protocol": protocol, "kafka_sasl_mechanism": mechanism} | ACCOUNT
        for protocol, mechanism in product(
            ("SASL_PLAINTEXT", "SASL_SSL"), ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        )
    ),
]


@pytest.mark.parametrize("security", KINDS)
def test_the_framework_connects_as_every_other_client_does(security: dict[str, str]) -> None:
    options = connection_options(KafkaSettings.model_validate(security))
    of_the_framework = parse_security(framework_security(options))
    assert of_the_framework == {name: options[name] for name in of_the_framework}
    encrypted = security["kafka_security_protocol"].endswith("SSL")
    assert (of_the_framework["ssl_context"] is not None) == encrypted
    with_account = security["kafka_security_protocol"].startswith("SASL_")
    assert ("sasl_plain_password" in of_the_framework) == with_account


def test_an_unknown_mechanism_is_refused() -> None:
    options = connection_options(KafkaSettings.model_validate(KINDS[-1]))
    with pytest.raises(ValueError, match="GSSAPI"):
        framework_security(options | {"sasl_mechanism": "GSSAPI"})


def test_every_broker_of_the_list_is_tried() -> None:
    options = connection_options(KafkaSettings(kafka="a:1, b:2,c:3"))
    assert options["bootstrap_servers"] == ["a:1", "b:2", "c:3"]
