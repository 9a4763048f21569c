"""Language detection by script and common words, in microseconds.

A library that knows more doubles the time of a decision (docs/adr/0018).
"""

import re
from typing import Final, Literal, TypeAlias, get_args

from router.text.tokenizer import TokenizedText

_SCRIPTS: Final = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
}
_ANY_SCRIPT: Final = re.compile(
    r"[\u0370-\u06ff\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)
"""What all but Latin texts have: so the nine are looked for in few."""
_COMMON_WORDS: Final = {
    "en": "the and of to is in that for with what are you this how",
    "de": "der das und ist nicht ein eine mit für wie ich sie den auf",
    "fr": "le la les et est une dans pour que qui vous avec sur",
    "es": "el los las una es en que por con para como del se cuál",
    "it": "il di che è per una con non sono della gli nel cosa",
    "pt": "o os uma não em para com como da que você são qual",
    "nl": "het een en is niet dat voor met zijn wat hoe aan",
}
_COMMON: Final = {code: frozenset(words.split()) for code, words in _COMMON_WORDS.items()}
ScriptClass: TypeAlias = Literal["english", "latin", "alphabets", "unspaced"]
"""What decides how many bytes of a text make a token."""
SCRIPT_CLASSES: Final[tuple[ScriptClass, ...]] = get_args(ScriptClass)
_UNSPACED_LANGUAGES: Final = frozenset({"ja", "zh", "ko", "th"})
_SAMPLE: Final = 2_000
_MIN_LETTERS: Final = 5


def detect_languages(tokenized: TokenizedText) -> tuple[str, ...]:
    """ISO 639-1 codes, the likeliest first; `()` = can't tell."""
    sample = tokenized.text[:_SAMPLE]
    codes = () if sample.isascii() or not _ANY_SCRIPT.search(sample) else _by_script(sample)
    hits = {code: len(common & tokenized.vocabulary) for code, common in _COMMON.items()}
    best = max(hits, key=hits.__getitem__)
    return (*codes, best) if hits[best] else codes


def script_class(languages: tuple[str, ...]) -> ScriptClass:
    """That of a text in `languages`, the likeliest of which decides."""
    language = languages[0] if languages else "en"
    if language == "en":
        return "english"
    if language in _UNSPACED_LANGUAGES:
        return "unspaced"
    return "alphabets" if language in _SCRIPTS else "latin"


def _by_script(sample: str) -> tuple[str, ...]:
    """Japanese text holds Chinese characters too, so kana decide first."""
    counts = {code: len(script.findall(sample)) for code, script in _SCRIPTS.items()}
    if counts["ja"] >= _MIN_LETTERS:
        counts["zh"] = 0
    codes = (code for code, count in counts.items() if count >= _MIN_LETTERS)
    return tuple(sorted(codes, key=counts.__getitem__, reverse=True))
