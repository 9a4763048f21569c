"""Configuration reference: every key of `switchgear.yaml` and every variable, from the models."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_settings import BaseSettings

from observability.settings import ObservabilitySettings
from producers.settings import ClientSettings
from runtime.config.catalog import Catalog
from runtime.process.settings import ServiceSettings

Schema = Mapping[str, Any]
_HEAD: Final = """# Configuration reference

Written from the code by `make docs`; a test holds it. `switchgear config check FILE` names every
mistake in a file, with its line.

Secrets are never in the file: a deployment names the environment variables that hold them.
"""
_PROCESSES: Final[Mapping[str, type[BaseSettings]]] = {
    "Router and workers": ServiceSettings,
    "Ledger, reports and live page": ObservabilitySettings,
    "Clients": ClientSettings,
}


def config_reference() -> str:
    """The page."""
    catalog = Catalog.model_json_schema()
    parts = [_HEAD, "## switchgear.yaml\n", *tables("", catalog, catalog.get("$defs", {}))]
    parts.append("## Environment variables\n")
    for process, settings in _PROCESSES.items():
        parts += [f"### {process}\n", variables(settings)]
    return "\n".join(parts)


def tables(name: str, schema: Schema, parts: Mapping[str, Schema]) -> Iterator[str]:
    """The table of a section, then those of the objects that it is made of."""
    if name:
        yield description(schema)
    yield table(schema["properties"], set(schema.get("required", ())))
    for part, inner in parts.items():
        if "properties" in inner:
            yield f"### {part}\n"
            yield description(inner)
            yield table(inner["properties"], set(inner.get("required", ())))


def table(properties: Mapping[str, Schema], required: set[str]) -> str:
    """One row for each key."""
    rows = ["| key | takes | default | |", "| --- | --- | --- | --- |"]
    for key, schema in properties.items():
        default = "required" if key in required else code(default_of(schema))
        words = " ".join(str(schema.get("description", "")).split())
        rows.append(f"| `{key}` | {cell(kind(schema))} | {default} | {cell(words)} |")
    return "\n".join([*rows, ""])


def variables(settings: type[BaseSettings]) -> str:
    """One row for each variable that the process reads."""
    prefix = settings.model_config.get("env_prefix", "")
    schema = settings.model_json_schema()
    names = {f"{prefix}{key}".upper(): value for key, value in schema["properties"].items()}
    return table(names, {f"{prefix}{key}".upper() for key in schema.get("required", ())})


def kind(schema: Schema) -> str:
    """What a value may be, in words."""
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(map(kind, choices)))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return kind_of_type(schema)


def kind_of_type(schema: Schema) -> str:
    """The same of a schema that names its type."""
    name = str(schema.get("type", "anything"))
    if name == "array" and "items" in schema:
        return f"list of {kind(schema['items'])}"
    if name == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {kind(schema['additionalProperties'])}"
    return "nothing" if name == "null" else name + bounds(schema)


def bounds(schema: Schema) -> str:
    """The limits of a number, a pattern of a text."""
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    pattern = [f"like `{schema['pattern']}`"] if "pattern" in schema else []
    return "".join(f" {each}" for each in limits + pattern)


def description(schema: Schema) -> str:
    """What the object is, as its class says."""
    return f"{schema.get('description', '')}\n"


def default_of(schema: Schema) -> object:
    """Nothing for a section, whose defaults stand in its own table; a set in a fixed order."""
    match schema.get("default", ""):
        case dict():
            return ""
        case list() as items if schema.get("uniqueItems"):
            return sorted(items)
        case default:
            return default


def code(value: object) -> str:
    """A default as it would be written; nothing where there is none."""
    return "" if value in ("", None, []) else f"`{value}`"


def cell(text: str) -> str:
    """A table's cell ends at a bar."""
    return text.replace("|", "\\|")
