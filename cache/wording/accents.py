"""Accents: marks of letters, which some writers leave out. Do they tell two words apart?"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

_UNDECOMPOSED: Final = str.maketrans({"\u00df": "ss", "\u0131": "i", "\u0142": "l", "\u00f8": "o"})
"""Letters that Unicode takes for no others with an accent."""
_LONG_ENOUGH: Final = 3
"""Letters: o\u00f9 and ou, \u00e8 and e are two words each."""
_TELLING: Final = frozenset("\u00e4\u00f6\u00fc\u00f1\u00df")
_TURKISH: Final = frozenset("\u015f\u011f\u0131\u00e7")
_HAMZA: Final = frozenset("\u0623\u0625")
"""Alif with a hamza, which most writers leave out."""
_POLISH_ENDINGS: Final = ("yć", "ić", "ać", "eć", "ąć", "ują", "ają")
"""Of verbs; no word ends so without the accent."""
_LONG_VOWEL: Final = re.compile(
    "^[^\u00e4\u00f6\u00fc]*(?:ei|ie|au|eu|ai|gro|stra|fu|spa|blo|sto|gru)\u00df"
)
"""ß, with no other accent: behind a long vowel no word has ss, but Maße and Masse are two."""
_MEANING: Final = "معنى"
"""In a question about a word, which its vowel signs may tell."""
_VOWEL_SIGNS: Final = re.compile("[\u064b-\u0652\u0670]")
_VOWELS: Final = "aeiou"
_ONE_OF_ITS_KIND: Final = 7
"""Letters of a word that hardly another one equals but for an accent within."""

_SAFE_WORDS: Final = """
qué cómo cuál cuáles cuándo cuánto cuántos cuánta cuántas dónde quién quiénes où à è é ça voilà
perché più così città qualità università porque não são também até você inflação
się spadają rosną
crème brûlée déjà naïve naïf jalapeño jalapeños señor café cliché façade fiancé fiancée piñata
entrée soufflé décor protégé smörgåsbord über doppelgänger touché crêpe crêpes bouillabaisse
brontë são beyoncé pokémon élite éclair mañana niño niña appliqué sautéed purée voilà wörterbuch
"""
_SAFE: Final = frozenset(_SAFE_WORDS.split())
"""Words that without their accents are no other word where a question has them."""
_UNSAFE_WORDS: Final = """
año años papá mamá sí té él tú mí sé dé péché pêche pêcher pécher côte côté mûr mûre sûr dû tâche
jeûne pâte pâté forêt père mère rosé résumé exposé maté pêches péchés соль всё нёбо осёл мёл лёт
şık kâr âlem hâlâ célula público práctico límite cálculo número título término
secretária secretaria fábrica crédito depósito círculo capítulo médico ejército vínculo análise
negócio prática dúvida início próximo último música público tráfego sábia história
"""
_UNSAFE: Final = frozenset(_UNSAFE_WORDS.split())
"""Words that are others without their accents."""


def accent_differs(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether a word of one is a word of the other but for accents, or ß, and may be another.

    a, b: the words of each text.
    """
    if all(word.isascii() for word in (*a, *b)):
        return False
    words_a, words_b = Counter(map(str.lower, a)), Counter(map(str.lower, b))
    bare_b = {without_accents(word) for word in words_b - words_a}
    if not any(without_accents(word) in bare_b for word in words_a - words_b):
        return False
    return not (_leaves_out(a, b) or _leaves_out(b, a))


def _leaves_out(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether a writer uses no accent at all where the other one does, and none tells words apart.

    One word alone shows no habit, unless it can't be another word: qué, crème.
    """
    changed = [
        word for word in map(str.lower, b) if not word.isascii() and without_accents(word) != word
    ]
    if any(without_accents(word) != word for word in map(str.lower, a)) or not changed:
        return False
    if len(set(map(without_accents, changed))) < len(set(changed)):
        return False  # avó e avô: without accents one word
    names = {word.lower() for word in b[1:] if word[:1].isupper()}
    rest = [word for word in changed if not _is_safe(word, names)]
    is_turkish = not _TURKISH.isdisjoint("".join(changed))
    if not is_turkish and any(_is_told_by_accent(word) for word in rest):
        return False
    if not _UNSAFE.isdisjoint({*changed, *(word.rstrip("s") for word in changed)}):
        return False
    changed = [word for word in changed if len(word) >= _LONG_ENOUGH] or changed[:1]
    least = _LONG_ENOUGH if not rest else _ONE_OF_ITS_KIND
    return len(changed) > 1 or (len(changed[0]) >= least and not (rest and is_turkish))


def _is_safe(word: str, names: AbstractSet[str]) -> bool:
    """Whether the word without its accent is no other one: crème, Cyrillic yo, a hamza, Perú.

    names: words with a capital within a sentence; a German noun has one, too.
    """
    is_name = word in names and _TELLING.isdisjoint(word)
    is_known = (
        word in _SAFE
        or word.endswith(_POLISH_ENDINGS)
        or (word not in names and _LONG_VOWEL.search(word) is not None)
    )
    return is_name or is_known or "\u0451" in word or not _HAMZA.isdisjoint(word)


def _is_told_by_accent(word: str) -> bool:
    """Whether another word may lack the accent: on the last vowel (papá), on ñ, ä, ö, ü."""
    last = word.rstrip("s")[-1:]
    is_vowel = without_accents(last) != last and without_accents(last) in _VOWELS
    return is_vowel or not _TELLING.isdisjoint(word)


def with_like_vowel_signs(a: str, b: str) -> tuple[str, str]:
    """Both texts; Arabic vowel signs of one are left out where the other has none at all."""
    if a.isascii() and b.isascii():
        return a, b
    signs = [_VOWEL_SIGNS.search(text) is not None for text in (a, b)]
    if signs[0] == signs[1] or _MEANING in a or _MEANING in b:
        return a, b
    return _VOWEL_SIGNS.sub("", a), _VOWEL_SIGNS.sub("", b)


def vowel_signs_differ(a: str, b: str) -> bool:
    """Whether two texts with Arabic vowel signs have others."""
    return not a.isascii() and _VOWEL_SIGNS.findall(a) != _VOWEL_SIGNS.findall(b)


def without_accents(word: str) -> str:
    """The word with plain letters alone."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFKD", word.translate(_UNDECOMPOSED))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
