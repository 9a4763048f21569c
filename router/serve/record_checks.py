"""Record checks: what is against a record before its JSON is read?"""

from producers.contract import FailureCode, codec
from producers.contract.wire_format import unknown_version
from producers.kafka.broker import Record
from runtime import limits
from runtime.config.catalog import Catalog
from runtime.config.residency import Standing, standing
from runtime.config.sections.contract import ContractSettings


def unreadable(
    record: Record, contract: ContractSettings, *, framed: bool
) -> tuple[FailureCode, str] | None:
    """The failure and its words for the sender; None for a record whose JSON may be read.

    framed: whether a schema id lies before the JSON.
    """
    size = len(record.value)
    if size > codec.MAX_REQUEST_BYTES:
        words = f"the request has {size:,} bytes, at most {codec.MAX_REQUEST_BYTES:,}: shorten it"
        return "request_too_large", words
    problem = crowded_headers(record) or unknown_version(record.headers)
    if problem is None and framed and contract.wire_format == "json":
        problem = (
            "request: the record: a schema registry's id lies before the JSON; the operator allows "
            "it by contract.wire_format: confluent, else write plain JSON"
        )
    return None if problem is None else ("invalid_request", problem)


def crowded_headers(record: Record) -> str | None:
    """What is too much about a record's headers; None if nothing is."""
    size = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    number = limits.HEADERS.refusal(len(record.headers))
    return number or limits.HEADER_BYTES.refusal(size)


def says_excluded(record: Record, tenant: str | None, catalog: Catalog, zone: str | None) -> bool:
    """Whether a record that isn't routed says, or its tenant's section, that it may not be here."""
    if zone is None:
        return False
    return standing(record.value, tenant, catalog, zone) is Standing.EXCLUDED
