"""Images of an OpenAI chat, as Claude and Bedrock take them: four formats, rightly labelled."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workers.providers.base.shapes import UnsupportedContent, object_in, text_in

_DATA_URL: Final = re.compile(
    r"data:(image/[\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64,(.+)", re.DOTALL | re.IGNORECASE
)
_SAME_FORMAT: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
_TAKEN: Final = ("image/gif", "image/jpeg", "image/png", "image/webp")
_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture in base64, such as `image/png`."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class LinkedImage:
    """A picture that the provider has to fetch."""

    url: str


def image_of(part: Mapping[str, Any], field: str) -> ImagePart | LinkedImage:
    """The picture in an `image_url` part; Mistral's clients write the address without an object."""
    value = part.get("image_url")
    if isinstance(value, str):
        return _image(value, f"{field}.image_url")
    url = object_in(value, f"{field}.image_url").get("url")
    return _image(text_in(url, f"{field}.image_url.url"), f"{field}.image_url.url")


def _image(url: str, field: str) -> ImagePart | LinkedImage:
    match = _DATA_URL.fullmatch(url)
    if match is None:
        if url[:8].lower() == "https://":
            return LinkedImage(url)
        raise UnsupportedContent(f"{field} must be https:// or data:image/…;base64,…")
    try:
        start = b64decode(match[2], validate=True)[:12]
    except (binascii.Error, ValueError):
        raise UnsupportedContent(f"{field} holds no valid base64") from None
    label = match[1].lower()
    media_type = _format_of(start) or _SAME_FORMAT.get(label, label)
    if media_type not in _TAKEN:
        raise UnsupportedContent(f"{field} is {media_type}; taken are {', '.join(_TAKEN)}")
    return ImagePart(media_type, match[2])


def _format_of(start: bytes) -> str | None:
    """The format that the first bytes tell: providers look at them, and refuse a wrong label."""
    if start.startswith(b"RIFF") and start[8:] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _BEGINNINGS if start.startswith(magic)), None)
