"""Which words does a text consist of, and what is left of it when its form is taken away?

Two texts with the same canonical form ask the same thing: letter case, spaces, quotation marks,
end punctuation, greetings and thanks don't change an answer. A text in which case does carry
meaning (code, several lines) or that is long keeps its own form.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_CANONICAL_CHARS: Final = 2_000

_STRAIGHT: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})
_GREETING: Final = re.compile(
    r"^(?:(?:hi|hello|hey|hi there|hello there|good (?:morning|afternoon|evening))\b[\s,.!:-]*)+"
)
_PLEASE: Final = re.compile(
    r"^(?:please tell me[\s,:]+|please[\s,]+"
    r"|(?:(?:can|could|would|will) you(?: please)? (?:tell me|explain to me)[\s,:]+)"
    r"|i (?:want|would like|'d like) to know[\s,:]+)+"
)
_THANKS: Final = re.compile(
    r"(?:[\s,.!?;-]+(?:please|pls|thanks|thank you|thanks in advance|thank you in advance"
    r"|many thanks|cheers|thx)(?: very much| so much| a lot)?)+[\s.!?]*$"
)
_THANKING: Final = ("please", "pls", "thank", "cheers", "thx")
_OF_CODE: Final = "\n`{}<>\\=;"
_NAMES_AND_CALLS: Final = re.compile(r"https?:|\w_\w|\w\.\w+\(")
_CAPITALS: Final = re.compile(r"[A-Z]{2}")
_ACRONYM: Final = re.compile(r"\b(?:US|IT|WHO|OR|IN|ME|AM|AS|AIDS|CAN|MAY|ARE|PA)\b")
"""Words that mean something else in small letters; all others are the same word in capitals."""
_END: Final = " \t?!.,;:\"'"


def canonical(text: str) -> str:
    """The text without what doesn't change its answer; the text itself when form may matter."""
    stripped = text.strip()
    return stripped if len(stripped) > MAX_CANONICAL_CHARS else _canonical(stripped)


@lru_cache(maxsize=2048)
def _canonical(text: str) -> str:
    if _case_matters(text):
        return text
    plain = text
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).translate(_STRAIGHT)
    if _CAPITALS.search(plain) and not plain.isupper():
        plain = _ACRONYM.sub(r"\g<0>^", plain)
    plain = " ".join(plain.casefold().split())
    bare = _without_thanks(_GREETING.sub("", plain))
    bare = _PLEASE.sub("", bare).strip(_END)
    return bare or plain.strip(_END)


def _case_matters(text: str) -> bool:
    """Whether it looks like code, an address, or several lines."""
    if any(sign in text for sign in _OF_CODE):
        return True
    telling = "_" in text or "(" in text or ":" in text
    return telling and _NAMES_AND_CALLS.search(text) is not None


def _without_thanks(text: str) -> str:
    """The expression tries every space, so it is kept for texts with such a word."""
    return _THANKS.sub("", text) if any(word in text for word in _THANKING) else text
