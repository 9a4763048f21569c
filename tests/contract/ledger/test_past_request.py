"""What a past request cost and why, from every store."""

import io
import json

from rich.console import Console

from observability.ledger.ledger import UsageBatch
from observability.reports.past_request import (
    past_requests,
    past_requests_json,
    print_past_requests,
)
from tests.contract.ledger.places import Place
from tests.unit.observability.usage_events import usage_event

SENTENCE = "economy at 0.015 ct instead of 0.3 ct: 95% less"


def test_a_request_is_told_with_its_sentence_and_its_asides(place: Place) -> None:
    ledger = place.empty()
    asked = usage_event(1).model_copy(update={"id": "r", "tenant": "acme", "summary": SENTENCE})
    judged = usage_event(2).model_copy(update={"id": "r:judge", "tenant": "acme", "aside": "judge"})
    stranger = usage_event(3).model_copy(update={"id": "r", "tenant": "globex"})
    ledger.book(UsageBatch([asked, judged, stranger, usage_event(4)], {}))
    with ledger.reading() as db:
        own = past_requests(db, "r", "acme")
        everybody = past_requests(db, "r", None)
        nobody = past_requests(db, "x' OR '1'='1", None)
    assert {(row.values["id"], row.values["tenant"]) for row in own} == {
        ("r", "acme"),
        ("r:judge", "acme"),
    }
    assert len(everybody) == 3
    assert nobody == []
    shown = io.StringIO()
    print_past_requests(own, Console(file=shown, width=200))
    assert SENTENCE in shown.getvalue()
    rows = json.loads(past_requests_json(own))
    assert {row["summary"] for row in rows} == {SENTENCE, None}
