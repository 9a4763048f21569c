"""What leads from a row to a person goes, the money stays, in every store."""

import json
from typing import Any

from observability.ledger.ledger import UsageBatch
from observability.ledger.schema import tags_json
from tests.contract.ledger.places import Place
from tests.unit.observability.usage_events import usage_event


def test_tags_and_traces_of_a_person_go_and_no_one_elses(place: Place) -> None:
    ledger = place.empty()
    jane, joe = {"person": "jane", "team": "care"}, {"person": "joe'; --"}
    told = {"tenant": "acme", "trace_id": "t" * 32, "prompt_hash": "p"}
    others: list[dict[str, Any]] = [
        {"tags": jane},
        {"tags": joe},
        {"tags": {}, "id": "of-jane"},
        {"tags": jane, "tenant": "globex"},
    ]
    events = [
        usage_event(number).model_copy(update=told | more) for number, more in enumerate(others)
    ]
    ledger.book(UsageBatch(events, {}))
    before = ledger.totals()
    ledger.forget("acme", {tags_json(jane): tags_json({"team": "care"})}, ["of-jane", "x' OR 1=1"])
    with ledger.reading() as db:
        rows = db.rows("SELECT tenant, id, CAST(tags AS VARCHAR), trace_id, prompt_hash FROM usage")
    found = {
        (tenant, name): (json.loads(tags), trace, words)
        for tenant, name, tags, trace, words in rows
    }
    assert found["acme", events[0].id] == ({"team": "care"}, None, None)
    assert found["acme", events[1].id] == (joe, "t" * 32, "p")
    assert found["acme", "of-jane"] == ({}, None, None)
    assert found["globex", events[3].id] == (jane, "t" * 32, "p")
    assert ledger.totals() == before
