"""Regular expressions of the source, how each is used, and texts that are hard for it."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, permutations
from re import _constants, _parser  # type: ignore[attr-defined]  # the standard library's own reader
from typing import Any, Final

from tests.rules import source

_METHODS: Final = frozenset(
    {"search", "match", "fullmatch", "finditer", "findall", "split", "sub", "subn"}
)
_CATEGORIES: Final = {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
_ORDINARY: Final = ("a", "7", " ", "\n", "Ab ", "-", "{")
_MOST_LETTERS: Final = 5


@dataclass(frozen=True, slots=True)
class UsedPattern:
    """A pattern and the methods by which the source uses it; all of them if that isn't seen."""

    name: str
    pattern: re.Pattern[str]
    methods: frozenset[str]

    def run(self, text: str) -> None:
        """Every use of it, over the whole of `text`."""
        for method in self.methods & {"search", "match", "fullmatch", "findall", "split"}:
            getattr(self.pattern, method)(text)
        if self.methods & {"finditer", "sub", "subn"}:
            self.pattern.sub("", text)


def used_patterns() -> list[UsedPattern]:
    """Of every module: the compiled ones that it holds, and those that are written in a call."""
    trees = {path: source.tree_of(path) for path in source.ours()}
    everywhere = _uses(trees.values())
    patterns: dict[tuple[str, int], UsedPattern] = {}
    for path, tree in trees.items():
        if path.stem == "__main__":
            continue
        module = importlib.import_module(
            source.named(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        )
        here = _uses([tree])
        for name, value in vars(module).items():
            for pattern in _held(value):
                uses = here.get(name) or everywhere.get(name) or _METHODS
                methods = uses if value is pattern else _METHODS
                used = UsedPattern(f"{module.__name__}.{name}", pattern, methods)
                patterns.setdefault((pattern.pattern, pattern.flags), used)
        for pattern, method in _written(tree):
            used = UsedPattern(module.__name__, pattern, frozenset({method}))
            patterns.setdefault((pattern.pattern, pattern.flags), used)
    return list(patterns.values())


def hard_texts(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Texts of `size` characters, made of what the pattern is made of, that nearly fit it."""
    parsed = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    letters = list(dict.fromkeys(_letters(parsed)))[:_MOST_LETTERS]
    fitting = _fitting(parsed)
    pairs = ("".join(pair) for pair in permutations(letters[:4], 2))
    units = [fitting, fitting[:-1], fitting[1:], *letters, *islice(pairs, 4), *_ORDINARY]
    for unit in filter(None, dict.fromkeys(units)):
        text = (unit * (size // len(unit) + 1))[:size]
        yield text
        yield fitting[:3] + text[:-1] + "\x00"


def _held(value: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif depth < 4 and isinstance(value, Mapping):
        for each in value.values():
            yield from _held(each, depth + 1)
    elif depth < 4 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _held(each, depth + 1)
    elif depth < 4 and type(value).__module__.partition(".")[0] in source.PACKAGES:
        for name in getattr(type(value), "__slots__", ()):
            yield from _held(getattr(value, name, None), depth + 1)


def _uses(trees: Any) -> Mapping[str, frozenset[str]]:  # noqa: ANN401
    """The methods by the name of the pattern, wherever it is called."""
    uses: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=method) if method in _METHODS:
                    uses.setdefault(name, set()).add(method)
    return {name: frozenset(methods) for name, methods in uses.items()}


def _written(tree: ast.Module) -> Iterator[tuple[re.Pattern[str], str]]:
    """Those in a call of `re`'s functions: (the pattern, the function)."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=method),
                args=[ast.Constant(value=str() as text), *more],
            ) if method in _METHODS:
                flags = [each.value for each in node.keywords if each.arg == "flags"] + more
                named = re.findall(r"re\.([A-Z]+)", " ".join(map(ast.unparse, flags)))
                yield re.compile(text, sum(getattr(re, name) for name in named)), method


def _letters(parsed: Any) -> Iterator[str]:  # noqa: ANN401
    """A character for each place of the pattern."""
    for operation, value in parsed:
        if operation is _constants.LITERAL:
            yield chr(value)
        elif operation is _constants.IN:
            yield from _class_letters(value)
        for inner in _inner(operation, value):
            yield from _letters(inner)


def _class_letters(value: Any) -> Iterator[str]:  # noqa: ANN401
    for operation, which in value[:3]:
        if operation is _constants.LITERAL:
            yield chr(which)
        elif operation is _constants.RANGE:
            yield chr(which[0])
        elif operation is _constants.CATEGORY:
            yield _CATEGORIES.get(str(which), "#")


def _fitting(parsed: Any) -> str:  # noqa: ANN401
    """A text that fits the pattern, or nearly."""
    parts = []
    for operation, value in parsed:
        inner = _inner(operation, value)
        if operation is _constants.LITERAL:
            parts.append(chr(value))
        elif operation is _constants.IN:
            letters = list(_class_letters(value))
            parts.append("q" if value[0][0] is _constants.NEGATE or not letters else letters[0])
        elif operation in {_constants.ANY, _constants.NOT_LITERAL}:
            parts.append("q")
        elif operation not in {_constants.ASSERT, _constants.ASSERT_NOT} and inner:
            least = value[0] if operation in _REPEATS else 1
            parts.append(_fitting(inner[0]) * max(1, least))
    return "".join(parts)


_REPEATS: Final = frozenset(
    {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}
)


def _inner(operation: Any, value: Any) -> list[Any]:  # noqa: ANN401
    """The patterns inside of one."""
    if operation in _REPEATS:
        return [value[2]]
    if operation is _constants.SUBPATTERN:
        return [value[3]]
    if operation is _constants.ATOMIC_GROUP:
        return [value]
    if operation is _constants.BRANCH:
        return list(value[1])
    if operation in {_constants.ASSERT, _constants.ASSERT_NOT}:
        return [value[1]]
    return []
