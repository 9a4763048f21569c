"""JSON values of any shape, read without surprise."""

import json
from collections.abc import Mapping
from typing import Any, Final

from producers.json_values import too_many_values
from runtime import limits
from workers.providers.base.json_in_turns import read_answer_json

_HIGH: Final = ("\ud800", "\udbff")
_LOW: Final = ("\udc00", "\udfff")


def mapping_of(value: object) -> Mapping[str, Any]:
    """`value` if it is an object of JSON, else an empty one."""
    # what was read from JSON is a dict; asking for a Mapping would cost ten times as much
    return value if isinstance(value, dict) else {}


class StreamedJson:
    """Reads the JSON of one stream's events, whose texts may be cut inside of a letter.

    JSON writes a letter beyond U+FFFF as two escapes. Servers that stream by UTF-16 units tell one
    half in an event and the other in the next: the first is held back until then. A half without
    its other becomes U+FFFD, as for every reader of Unicode.
    """

    __slots__ = ("_halves", "_is_last")

    def __init__(self, *, is_last: bool = False) -> None:
        self._is_last = is_last
        self._halves: dict[str, str] = {}

    def read(self, data: bytes) -> Any:  # noqa: ANN401 - JSON
        """The value in `data`. Raises ValueError. More than LARGE bytes: not on the loop."""
        try:
            return read_answer_json(data, limits.PROVIDER_MARKS.value)
        except ValueError as error:
            if "surrogate" not in str(error) and "hex escape" not in str(error):
                raise
        # this reader takes several times as long
        if too_many_values(data, limits.VALUES.value):
            raise ValueError(f"halves of letters among {limits.VALUES.value:,} values")
        try:
            return self._whole("", json.loads(data))
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def _whole(self, name: str, value: object) -> object:
        match value:
            case str() if not value.isascii():
                return self._text(name, value)
            case dict():
                return {_name(key): self._whole(key, inner) for key, inner in value.items()}
            case list():
                return [self._whole(name, inner) for inner in value]
            case _:
                return value

    def _text(self, name: str, text: str) -> str:
        if _LOW[0] <= text[0] <= _LOW[1]:
            text = self._halves.pop(name, "") + text
        if not self._is_last and _HIGH[0] <= text[-1] <= _HIGH[1]:
            self._halves[name], text = text[-1], text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def json_of(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """The value in `data`, with U+FFFD for halves of letters. Raises ValueError."""
    return StreamedJson(is_last=True).read(data)


def _name(key: str) -> str:
    """A field's name, which comes whole: a half of a letter in it has no other."""
    if key.isascii():
        return key
    return key.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
