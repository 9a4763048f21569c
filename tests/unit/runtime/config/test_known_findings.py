from datetime import date, timedelta
from pathlib import Path
from typing import Final

from runtime.config.catalog import Catalog
from runtime.config.config_file import check_config
from runtime.config.known_findings import STALE_AFTER, Finding, findings
from runtime.known.tables import known_tables

KNOWN: Final = known_tables()
TEXT: Final = """
default_baseline: old
models: {mine: {}}
deployments:
  old: {model: claude-3-5-sonnet, provider: anthropic}
  cloud: {model: claude-3-5-sonnet, provider: bedrock, region: us-east-1}
  own: {model: mine, provider: vllm, zone: eu}
tiers: {all: {deployments: [old, cloud, own]}}
"""


def catalog(text: str = TEXT) -> Catalog:
    read = check_config(text)
    assert isinstance(read, Catalog)
    return read


def test_a_retired_model_is_found_where_it_was_retired_and_nowhere_else() -> None:
    assert list(findings(catalog(), KNOWN, KNOWN.as_of)) == [
        Finding(
            "deployments.old",
            "claude-3-5-sonnet was retired on 2025-10-28; use claude-sonnet-4-6",
        ),
        Finding(
            "models.mine", "isn't in the table of known models: its sizes are what the file says"
        ),
    ]
    before = list(findings(catalog(), KNOWN, date(2025, 10, 27)))
    assert [finding.where for finding in before] == ["models.mine"]


def test_an_old_table_is_found() -> None:
    today = KNOWN.as_of + STALE_AFTER + timedelta(days=1)
    assert next(iter(findings(catalog(), KNOWN, today))).where == "the table of models"


def test_every_successor_is_known_itself() -> None:
    successors = {
        end.successor for model in KNOWN.models.values() for end in model.retired.values()
    }
    assert successors <= KNOWN.models.keys()


def test_the_file_of_this_repository_routes_by_itself_to_no_retired_model() -> None:
    served = catalog(Path("switchgear.yaml").read_text("utf-8"))
    for finding in findings(served, KNOWN, KNOWN.as_of):
        assert served.deployments[finding.where.partition(".")[2]].on_request
