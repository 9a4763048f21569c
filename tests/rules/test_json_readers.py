"""JSON from outside is counted before it is parsed: a megabyte may be half a million values.

A module that parses JSON asks `producers.json_values`, or is listed here with what bounds it.
"""

import re
from collections.abc import Mapping
from typing import Final

from tests.rules.source import named, ours

_PARSES: Final = re.compile(r"\b(?:from_json|json\.loads?|(?:model_)?validate_json)\(")
_COUNTS: Final = re.compile(r"\b(?:too_many_values|too_many_marks|short_news)\(")

OUR_OWN: Final = "a file of this project, or one that the operator made with it"
BOUNDED: Final[Mapping[str, str]] = {
    "cache/commands/pairs_file.py": OUR_OWN,
    "cache/semantic/embedder.py": OUR_OWN,
    "cache/semantic/pair_encoder.py": OUR_OWN,
    "cache/semantic/question_embedder.py": OUR_OWN,
    "cache/semantic/verifier_file.py": OUR_OWN,
    "gateway/endpoints/stored_request.py": "an error's body, as this process has just written it",
    "observability/evaluation/data_sets/data_set_file.py": OUR_OWN,
    "observability/evaluation/data_sets/own_cases.py": "limits.EVALUATION_CASE, in a command",
    "observability/evaluation/judging/pair_judgement.py": "a judge's reply, which is bounded",
    "observability/evaluation/results/evaluation_result.py": OUR_OWN,
    "observability/evaluation/running/answer_grader.py": "an answer, in a command",
    "observability/evaluation/running/metric_process.py": "limits.METRIC_MEMORY",
    "observability/evaluation/running/metric_program.py": "in a process of its own",
    "observability/evaluation/storage/evaluation_folder.py": OUR_OWN,
    "observability/evaluation/storage/hand_labels.py": OUR_OWN,
    "observability/evaluation/storage/journal.py": OUR_OWN,
    "observability/grounding/groundedness.py": "a judge's reply, which is bounded",
    "observability/ledger/stores/duckdb_file.py": "SQL of the store",
    "observability/reports/residency/report.py": "a row that the ledger has written",
    "observability/reports/residency/signed_report.py": OUR_OWN,
    "producers/json_values.py": "it is what counts",
    "producers/kafka/oauth_token.py": "an answer of a bounded size, on a thread",
    "router/decide/task_profiles.py": OUR_OWN,
    "router/serve/claimed_id.py": "the beginning and the end of a record",
    "router/serve/commands.py": OUR_OWN,
    "router/serve/model_file.py": OUR_OWN,
    "runtime/identity/tokens/key_set.py": "limits.JWKS",
    "runtime/identity/tokens/signature.py": "limits.TOKEN",
    "switchgear/evaluation/running.py": "the operator's schema, cut",
    "switchgear/evaluation/shadow_commands.py": OUR_OWN,
    "switchgear/personal_data/erasers.py": "the tags of a row that the ledger has written",
    "workers/batching/wires/mistral_batches.py": "a body that this process has just written",
    "workers/checks/checking_process.py": "what our own process says",
    "workers/checks/foreign_check.py": "limits.SCHEMA_CHARACTERS, in a process of its own",
    "workers/checks/schema_check.py": "limits.CHECKED_JSON, in a process of its own",
    "workers/commands/fleet_status.py": "runtime.fleet.speed_reports counts them",
    "workers/providers/base/json_in_turns.py": "marks_in has counted",
    "workers/providers/base/json_values.py": "read_json has counted, or limits.VALUES",
}
"""What bounds a text that isn't counted where it is parsed."""


def parsers() -> dict[str, str]:
    sources = {named(path): path.read_text(encoding="utf-8") for path in ours()}
    return {name: text for name, text in sources.items() if _PARSES.search(text)}


def test_what_is_parsed_is_counted_or_bounded() -> None:
    uncounted = {name for name, text in parsers().items() if not _COUNTS.search(text)}
    assert uncounted - BOUNDED.keys() == set()


def test_the_bounded_ones_still_parse() -> None:
    assert BOUNDED.keys() - parsers().keys() == set()
