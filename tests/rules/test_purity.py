"""Do the modules that decide stay free of everything that acts?"""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.rules import source

DECIDE: Final = (
    "producers/contract/codec.py",
    "producers/contract/__init__.py",
    "producers/contract/topics.py",
    "observability/reports/forecast.py",
    "observability/reports/chargeback.py",
    "observability/grounding/claim_lookup.py",
    "observability/grounding/number_matching.py",
    "observability/grounding/groundedness.py",
    "observability/pricing/money.py",
    "observability/pricing/prices.py",
    "observability/pricing/savings.py",
    "observability/grounding/number_words.py",
    "observability/reports/waste.py",
    "cache/verification/accept.py",
    "cache/verification/token_alignment.py",
    "cache/identity/cacheable.py",
    "cache/verification/accept.py",
    "cache/verification/lexical_guard.py",
    "cache/verification/verifier.py",
    "cache/verification/antonyms.py",
    "cache/verification/lexical_features.py",
    "cache/verification/lexical_guard.py",
    "cache/identity/key.py",
    "cache/results/outcomes.py",
    "cache/commands/pairs_file.py",
    "cache/storage/circuit_breaker.py",
    "cache/semantic/error_bound.py",
    "cache/semantic/vector_rows.py",
    "cache/verification/quantized_embedding.py",
    "cache/identity/normalisation.py",
    "cache/verification/verifier.py",
    "cache/verification/vocabulary.py",
    "cache/verification/tokenizer.py",
    "workers/health/circuit_breaker.py",
    "workers/accounting/reply_and_usage.py",
    "runtime/consuming/fair_queue.py",
    "workers/health/breaker_registry.py",
    "workers/planning/request_state.py",
    "workers/health/circuit_breaker_rules.py",
    "runtime/budgets/budgets.py",
    "runtime/config/catalog.py",
    "workers/request/requeue.py",
    "workers/delivery/work_item.py",
    "workers/health/limits.py",
    "workers/planning/next_step.py",
    "workers/prompt_cache/policy.py",
    "workers/health/outcome_policy.py",
    "runtime/consuming/watermark.py",
    "workers/providers/errors/classification.py",
    "workers/providers/base/call_outcome.py",
    "router/decide/demands.py",
    "router/decide/cascade.py",
    "router/learn/outcome_store.py",
    "router/decide/partition_key.py",
    "router/text/features.py",
    "router/decide/tier_candidates.py",
    "router/decide/policy.py",
    "router/text/difficulty_features.py",
    "router/text/task_recognition.py",
    "router/learn/feedback_reliability.py",
    "router/decide/caller_overrides.py",
)
ACT: Final = frozenset(
    {
        "aiobotocore",
        "aiohttp",
        "aiokafka",
        "asyncio",
        "duckdb",
        "faststream",
        "http",
        "importlib",
        "io",
        "logging",
        "onnxruntime",
        "os",
        "pathlib",
        "pydantic_settings",
        "random",
        "redis",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    }
)
READ_THE_CLOCK: Final = frozenset({"now", "today", "utcnow"})


@pytest.mark.parametrize("name", DECIDE)
def test_a_module_that_decides_does_not_act(name: str) -> None:
    assert list(actions(source.tree_of(source.ROOT / name))) == []


def test_the_rule_sees_every_way_to_act() -> None:
    guilty = """
import time
from os import environ
async def f(): ...
open("x")
datetime.now()
print(1)
"""
    assert len(list(actions(ast.parse(guilty)))) == 6


def actions(tree: ast.Module) -> Iterator[str]:
    """What a pure module may not have."""
    yield from (
        f"imports {module}"
        for module, level in source.imported(tree)
        if not level and module.split(".")[0] in ACT
    )
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await():
                yield f"line {node.lineno}: async"
            case ast.Call(func=ast.Name(id="open" | "print" | "input" as called)):
                yield f"line {node.lineno}: {called}()"
            case ast.Call(func=ast.Attribute(attr=called)) if called in READ_THE_CLOCK:
                yield f"line {node.lineno}: .{called}()"
