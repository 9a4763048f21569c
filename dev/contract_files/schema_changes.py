"""Changes of a JSON Schema that break a reader: pure, over the keywords that pydantic writes.

A reader ignores fields that it doesn't know, so a new optional field breaks nobody. What breaks:

* where callers write (requests): a field that becomes required, a narrower type or limit, fewer
  values, a field that is no longer read;
* where callers read (replies): a field that is no longer promised or written, a wider type or
  limit, a value that their list lacks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

JsonSchema: TypeAlias = Mapping[str, Any]
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ALTERNATIVES: Final = ("anyOf", "oneOf")
_TYPED: Final = ("type", "enum", "const")


@dataclass(frozen=True, slots=True, order=True)
class BreakingChange:
    """One change, by the place and what a reader meets there."""

    path: str
    """The field, e.g. `body.messages[].role`; empty: the record as a whole."""

    problem: str

    def __str__(self) -> str:
        return f"{self.path or 'the record'}: {self.problem}"


@dataclass(frozen=True, slots=True)
class _Document:
    """A schema within its document, whose definitions its references name."""

    schema: JsonSchema
    root: JsonSchema

    def at(self, schema: Any) -> "_Document":  # noqa: ANN401 true and false are schemas too
        plain = schema if isinstance(schema, Mapping) else {} if schema else {"enum": []}
        return _Document(plain, self.root).resolved()

    def resolved(self) -> "_Document":
        """With its reference followed."""
        schema = self.schema
        for _ in range(100):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            schema = self.root["$defs"][reference.rpartition("/")[2]]
        return _Document(schema, self.root)

    def branches(self) -> "list[_Document]":
        """Its alternatives; itself where it has none."""
        for keyword in _ALTERNATIVES:
            if keyword in self.schema:
                parts = [self.at(branch).branches() for branch in self.schema[keyword]]
                return self._with_one_list([branch for branches in parts for branch in branches])
        types = self.schema.get("type")
        if isinstance(types, list):
            return [_Document({**self.schema, "type": kind}, self.root) for kind in types]
        return [self]

    def _with_one_list(self, branches: "list[_Document]") -> "list[_Document]":
        """The alternatives, with all closed lists as one."""
        listed = [value for branch in branches for value in _values(branch.schema) or ()]
        others = [branch for branch in branches if _values(branch.schema) is None]
        return [*others, *([_Document({"enum": listed}, self.root)] if listed else [])]


def breaks_writers(old: JsonSchema, new: JsonSchema) -> list[BreakingChange]:
    """What was written by `old`, and `new` doesn't take, or doesn't look at, any more."""
    return _changes(written=old, read=new, old_is_written=True)


def breaks_readers(old: JsonSchema, new: JsonSchema) -> list[BreakingChange]:
    """What is written by `new`, and a reader by `old` doesn't understand, or misses."""
    return _changes(written=new, read=old, old_is_written=False)


def _changes(
    *, written: JsonSchema, read: JsonSchema, old_is_written: bool
) -> list[BreakingChange]:
    comparison = _Comparison(old_is_written)
    writing, reading = (_Document(schema, schema).resolved() for schema in (written, read))
    return sorted(set(comparison.unreadable(writing, reading, "")))


class _Comparison:
    """One walk through both; a pair that is being compared already holds as fine."""

    def __init__(self, old_is_written: bool) -> None:  # noqa: FBT001 of this module alone
        self._old_is_written = old_is_written
        self._open: set[tuple[int, int]] = set()

    def unreadable(
        self, written: _Document, read: _Document, path: str
    ) -> Iterator[BreakingChange]:
        pair = id(written.schema), id(read.schema)
        if pair in self._open:
            return
        self._open.add(pair)
        try:
            for branch in written.branches():
                yield from self._branch(branch, read.branches(), path)
        finally:
            self._open.discard(pair)

    def _branch(
        self, written: _Document, read: list[_Document], path: str
    ) -> Iterable[BreakingChange]:
        """What is against the reader's alternative that fits best."""
        tried = [list(self._single(written, alternative, path)) for alternative in read]
        nearest = sorted(zip(tried, read, strict=True), key=lambda pair: len(pair[0]))
        same = (
            problems
            for problems, alternative in nearest
            if not problems or _values(alternative.schema) or _same_type(written, alternative)
        )
        return next(same, nearest[0][0])

    def _single(self, written: _Document, read: _Document, path: str) -> Iterator[BreakingChange]:
        problems = [*_type_problems(written.schema, read.schema)]
        if problems:
            yield from (BreakingChange(path, problem) for problem in problems)
            return
        for problem in _limit_problems(written.schema, read.schema):
            yield BreakingChange(path, problem)
        yield from self._fields(written, read, path)
        if "items" in read.schema:
            items = written.at(written.schema.get("items", True))
            yield from self.unreadable(items, read.at(read.schema["items"]), f"{path}[]")
        if "propertyNames" in read.schema:
            names, limits = (
                document.at({"type": "string", **document.schema.get("propertyNames", {})})
                for document in (written, read)
            )
            yield from self.unreadable(names, limits, f"{path}.*")

    def _fields(self, written: _Document, read: _Document, path: str) -> Iterator[BreakingChange]:
        theirs, ours = _fields_of(written), _fields_of(read)
        old, new = (theirs, ours) if self._old_is_written else (ours, theirs)
        for name in old.keys() - new.keys():
            gone = "is no longer read" if self._old_is_written else "is no longer written"
            yield BreakingChange(_below(path, name), gone)
        promised = set(written.schema.get("required", ()))
        for name in read.schema.get("required", ()):
            if name not in promised:
                word = "became required" if self._old_is_written else "is no longer promised"
                yield BreakingChange(_below(path, name), word)
        for name in theirs.keys() & ours.keys():
            yield from self.unreadable(
                written.at(theirs[name]), read.at(ours[name]), _below(path, name)
            )
        others = _others_of(read)
        if others is False:
            for name in theirs.keys() - ours.keys() - old.keys():
                yield BreakingChange(_below(path, name), "is refused by readers that lack it")
        elif isinstance(others, Mapping):
            values = written.at(_others_of(written))
            yield from self.unreadable(values, read.at(others), f"{path}.*")


def _same_type(written: _Document, read: _Document) -> bool:
    return bool(written.schema.get("type") == read.schema.get("type"))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fields_of(document: _Document) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = document.schema.get("properties", {})
    return fields


def _others_of(document: _Document) -> Any:  # noqa: ANN401 a schema, or whether any is allowed
    """The schema of fields without a name: pydantic writes a map by one of two keywords."""
    by_pattern = list(document.schema.get("patternProperties", {}).values())
    return by_pattern[0] if by_pattern else document.schema.get("additionalProperties", True)


def _values(schema: JsonSchema) -> list[Any] | None:
    """The values of a closed list; None: it is none."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return list(values) if isinstance(values, list) else None


def _type_problems(written: JsonSchema, read: JsonSchema) -> Iterator[str]:
    if not any(keyword in read for keyword in _TYPED):
        return
    wanted, listed = read.get("type"), _values(read)
    values = _values(written)
    if listed is not None:
        if values is None:
            yield f"may be other than {_shown(listed)}"
        elif surplus := [value for value in values if value not in listed]:
            yield f"may be {_shown(surplus)}, which readers don't know"
    if wanted is not None and values is None and not _fits(written.get("type"), wanted):
        yield f"is {written.get('type', 'of any type')}, where readers take {wanted}"
    if wanted is not None and values is not None:
        wrong = [value for value in values if not _is_of(value, wanted)]
        if wrong:
            yield f"may be {_shown(wrong)}, where readers take {wanted}"


def _fits(written: Any, wanted: Any) -> bool:  # noqa: ANN401 as in the schema
    return bool(written == wanted or (written, wanted) == ("integer", "number"))


_PYTHON: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def _is_of(value: Any, kind: str) -> bool:  # noqa: ANN401 JSON
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON[kind])


def _limit_problems(written: JsonSchema, read: JsonSchema) -> Iterator[str]:
    if _values(written) is not None:
        # both are closed lists, or the type's check has spoken; limits beside a list aren't used
        return
    for keyword in _LOWER:
        limit = read.get(keyword)
        if limit is not None and written.get(keyword, float("-inf")) < limit:
            yield f"{keyword} is {written.get(keyword, 'none')}, where readers demand {limit}"
    for keyword in _UPPER:
        limit = read.get(keyword)
        if limit is not None and written.get(keyword, float("inf")) > limit:
            yield f"{keyword} is {written.get(keyword, 'none')}, where readers allow {limit}"
    pattern = read.get("pattern")
    if pattern is not None and written.get("pattern") != pattern:
        yield f"the pattern is {written.get('pattern', 'none')}, where readers demand {pattern}"


def _shown(values: list[Any]) -> str:
    return ", ".join(repr(value) for value in values)
