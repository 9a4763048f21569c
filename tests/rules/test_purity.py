"""Do the modules that decide stay free of everything that acts?"""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from tests.rules import source

DECIDE: Final = (
    "producers/codec.py",
    "producers/messages.py",
    "producers/topics.py",
    "observability/forecast.py",
    "observability/chargeback.py",
    "observability/claims.py",
    "observability/figures.py",
    "observability/groundedness.py",
    "observability/money.py",
    "observability/prices.py",
    "observability/savings.py",
    "observability/spoken.py",
    "observability/waste.py",
    "cache/accept.py",
    "cache/align.py",
    "cache/cacheable.py",
    "cache/accept.py",
    "cache/guard.py",
    "cache/verify.py",
    "cache/contrasts.py",
    "cache/features.py",
    "cache/guard.py",
    "cache/key.py",
    "cache/outcome.py",
    "cache/pairs.py",
    "cache/patience.py",
    "cache/promise.py",
    "cache/rows.py",
    "cache/sketch.py",
    "cache/text.py",
    "cache/verify.py",
    "cache/vocabulary.py",
    "cache/words.py",
    "workers/breaker.py",
    "workers/account.py",
    "workers/admission.py",
    "workers/breakers.py",
    "workers/situation.py",
    "workers/breaker_rules.py",
    "workers/budgets.py",
    "runtime/config/catalog.py",
    "workers/handover.py",
    "workers/job.py",
    "workers/limits.py",
    "workers/plan.py",
    "workers/prompt_cache.py",
    "workers/verdict.py",
    "workers/watermark.py",
    "workers/providers/classify.py",
    "workers/providers/outcome.py",
    "router/eligibility.py",
    "router/cascade.py",
    "router/outcomes.py",
    "router/partition_key.py",
    "router/features.py",
    "router/options.py",
    "router/policy.py",
    "router/signals.py",
    "router/tasks.py",
    "router/witnesses.py",
    "router/wishes.py",
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
