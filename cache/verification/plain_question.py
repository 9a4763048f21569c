"""Plain question: the text that guard and form read. What is asked, in the plainest words?

Without courtesy; contractions written out, numbers in digits, units as symbols. The trained model
reads the text as it is.
"""

from functools import lru_cache
from typing import Final

from cache.verification.detail_vocabulary import ABOUT_ENCODING, ABOUT_WORDS, ABOUT_WRITING
from cache.verification.exact_details import is_about_code, is_foreign
from cache.wording.amounts import plain_amounts
from cache.wording.clock import plain_times
from cache.wording.courtesy import without_courtesy
from cache.wording.measures import plain_measures
from cache.wording.numerals import plain_numerals
from cache.wording.phrase_order import in_plain_order
from cache.wording.phrases import abbreviated, plain_phrases
from cache.wording.spelling import plain_letters, plain_spelling, without_markup
from cache.wording.variants import in_american

MAX_PLAIN_CHARS: Final = 500
"""A longer text is read as it is: no two people write it alike but for its wording."""


@lru_cache(maxsize=4096)
def plain_question(text: str) -> str:
    """The text in plain wording; of a question about words, numbers and units stay."""
    if len(text) > MAX_PLAIN_CHARS:
        return text.strip()
    asked = _begun_as(text, without_courtesy(text.strip().replace("\u2019", "'")))
    if ABOUT_WRITING.search(asked) or ABOUT_ENCODING.search(asked):
        return asked
    if not is_about_code(asked):
        asked = without_markup(asked)
    asked = _begun_as(text, plain_phrases(plain_letters(asked)))
    if ABOUT_WORDS.search(asked):
        return asked
    foreign = is_foreign(asked)
    asked = plain_times(plain_spelling(abbreviated(asked)), is_foreign=foreign)
    asked = in_plain_order(plain_amounts(asked, is_foreign=foreign))
    numerals = plain_numerals(asked if foreign else in_american(asked), is_foreign=foreign)
    return plain_measures(numerals)


def _begun_as(text: str, plain: str) -> str:
    """With the capital that a careful writer's question begins with."""
    return plain[:1].upper() + plain[1:] if text.lstrip()[:1].isupper() else plain
