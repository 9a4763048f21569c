"""Contract section: in which formats callers may write their requests."""

from typing import Literal

from runtime.config.sections.section import Section


class ContractSettings(Section):
    """How requests may come."""

    wire_format: Literal["json", "confluent"] = "json"
    """`confluent`: also with a schema registry's id before the JSON, as Confluent's serialisers
    write it. The registry isn't asked. An id in a header needs no setting."""
