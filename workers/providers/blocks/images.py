"""Images of an OpenAI chat, as Claude and Bedrock take them: four formats, rightly labelled."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from workers.providers.base.shapes import UnsupportedContent, object_in, text_in

_DATA_URL: Final = re.compile(
    r"data:([\w.+/-]{0,80})(?:; ?[\w.+-]+=[^;,]*)*; ?base64,(.+)", re.DOTALL | re.IGNORECASE
)
_UNTIDY: Final = re.compile(r"[\s=]+")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_SAME_FORMAT: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
_TAKEN: Final = ("image/gif", "image/jpeg", "image/png", "image/webp")
_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF", "application/pdf"),
    (b"<svg", "image/svg+xml"),
)
_BRANDS: Final = {b"avif": "image/avif", b"avis": "image/avif", b"mp42": "video/mp4"}


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
        link = url.strip()
        if link[:8].lower() == "https://":
            return LinkedImage(link)
        raise UnsupportedContent(f"{field} must be https:// or data:image/…;base64,…")
    data, start = _base64(match[2], field)
    label = match[1].lower()
    media_type = _format_of(start) or _SAME_FORMAT.get(label, label)
    if media_type not in _TAKEN:
        shown = media_type or "of no known type"
        raise UnsupportedContent(f"{field} is {shown}; taken are {', '.join(_TAKEN)}")
    return ImagePart(media_type, data)


def _base64(data: str, field: str) -> tuple[str, bytes]:
    """(the base64 as RFC 4648 has it, the first bytes in it). Raises UnsupportedContent.

    OpenAI bears it in lines, in the alphabet for addresses, escaped, and without its padding.
    """
    try:
        return data, b64decode(data, validate=True)[:12]
    except (binascii.Error, ValueError):
        pass
    plain = unquote(data) if "%" in data else data
    tidy = _UNTIDY.sub("", plain).translate(_URL_SAFE)
    tidy += "=" * (-len(tidy) % 4)
    try:
        return tidy, b64decode(tidy, validate=True)[:12]
    except (binascii.Error, ValueError):
        raise UnsupportedContent(f"{field} holds no valid base64") from None


def _format_of(start: bytes) -> str | None:
    """The format that the first bytes tell: providers look at them, and refuse a wrong label."""
    if start.startswith(b"RIFF") and start[8:] == b"WEBP":
        return "image/webp"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "image/heic")
    return next((kind for magic, kind in _BEGINNINGS if start.startswith(magic)), None)
