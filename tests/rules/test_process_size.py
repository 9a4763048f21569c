"""Process size: what a router must not import, and which patterns would take megabytes."""

import re
import subprocess
import sys
from pathlib import Path

_PACKAGES = ("producers", "observability", "runtime", "cache", "workers", "router", "gateway")
_UNNEEDED = {
    *("aiobotocore", "aiohttp", "azure", "botocore", "clickhouse_connect", "cryptography.hazmat"),
    *("duckdb", "google.auth", "jinja2", "joserfc", "jsonschema", "numpy", "onnxruntime"),
    *("opentelemetry.exporter", "psycopg", "py3langid", "regex", "starlette", "tiktoken"),
    *("tokenizers", "cache", "gateway", "workers"),
}
_COUNTED_CLASS_OF_ALL_LETTERS = re.compile(r"pattern=r?[\"'].*(\\w|\[[^\]]*\\w[^\]]*\])\{")


def modules_of(root: str) -> set[str]:
    """What a process has loaded when its composition root is imported."""
    listed = f"import sys, {root}; print(*sys.modules)"
    command = [sys.executable, "-c", listed]
    return set(subprocess.run(command, check=True, capture_output=True).stdout.decode().split())


def test_router_imports_no_library_that_it_does_not_need() -> None:
    loaded = modules_of("router.serve.process")
    assert "redis.asyncio" in loaded
    assert not loaded.intersection(_UNNEEDED)


def test_worker_imports_the_embedders_libraries_where_it_has_one() -> None:
    loaded = modules_of("workers.process")
    assert "redis.asyncio" in loaded
    assert not loaded.intersection({"onnxruntime", "tokenizers"})


def test_no_field_counts_a_class_of_all_letters() -> None:
    # `[\w.-]{1,200}` is compiled to 20 MB in each process; `[\w.-]+` and max_length say the same
    assert _COUNTED_CLASS_OF_ALL_LETTERS.search(r'Field(pattern=r"^[\w.-]{1,64}$")')
    found = [
        f"{path}:{number}"
        for package in _PACKAGES
        for path in sorted(Path(package).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _COUNTED_CLASS_OF_ALL_LETTERS.search(line)
    ]
    assert found == []
