"""Phrases: contractions, turns and abbreviations that stand for one another in any question.

The meaning of X and what X means, X is what and what is X, the EU and the European Union.
"""

import re
from typing import Final

_POLITE: Final = "(?:이?야|예요|에요|이에요|죠)"
_ASKS: Final = "(?:ですか|でしょうか|か)?"
_FORMS: Final = {
    r"\b(geht|gibt|ist|war|wird|hat|macht|steht|l\u00e4uft|tut|sieht|wie|wenn|ob)'s\b": r"\1 es",
    r"\b(d)ov'è\b": r"\1ove è",
    r"\b(?:che )?(c)os'è\b": r"\1osa è",
    r"\b(c)om'è\b": r"\1ome è",
    r"\b(q)uand'è\b": r"\1uando è",
    r"(?<!\w)'t(?!\w)": "het",
    r"(?<!\w)'n(?!\w)": "een",
    r"\b(p)ra\b": r"\1ara",
    r"^(o que|quem|qual) e (?=(?:um|uma|o|a|os|as)\b)": r"\1 é ",
    r"^(qual) e (?=(?:il|lo|la)\b|l')": r"\1 è ",
    r"\b(?:qu'est-ce que c'est(?: que)?,?|qu'est-ce qu(?:e\b|')|ce qu'est|c'est quoi)": "quoi ",
    r"^was versteht man unter (.+?)\s?\?*$": r"was bedeutet \1?",
    r"^what(?:'s| is) the meaning of (.+?)\s?\?*$": r"what does \1 mean?",
    r"^by whom (?:was|were) (.+?) ([a-z]{3,}ed)\s?\?*$": r"who \2 \1?",
    r"^who(?:m)? (?:was|were) (.+?) ([a-z]{3,}ed) by\s?\?*$": r"who \2 \1?",
    r"^¿?qué quiere decir\b": "qué significa",
    r"^(?:che )?cosa (?:vuol dire|significa)\b": "cosa significa",
    r"^(?:o que quer dizer|qual(?: \u00e9)? o significado d[eao])\b": "o que significa",
    r"^que veut dire\b": "que signifie",
    r"^что (?:значит|означает)\b": "что значит",
    r"\b(i)'m\b": r"\1 am",
    r"\b(you|we|they|who|what|there)'re\b": r"\1 are",
    r"\b(i|you|he|she|it|we|they|who|what|there)'ll\b": r"\1 will",
    r"\b(i|you|we|they|who)'ve\b": r"\1 have",
    r"\b(do|does|did|is|are|was|were|have|has|had|would|should|could|must)n't\b": r"\1 not",
    r"\b(ca)n(?:'t|not)\b": r"\1n not",
    r"\b(w)on't\b": r"\1ill not",
    "\u60a8": "\u4f60",
    r"\b(different) (?:to|than)\b": r"\1 from",
    r"\b(m[ıiuü]s[ıiuü]n)[ıiuü]z\b": r"\1",
    r"\b(hangisi|ne|kim|nerede|neresi)d[iı]r\b": r"\1",
    r"^define (?!an? |the )(?=\w+\W*$)": "what is ",
    "뭘": "무엇을",
    rf"(?:의 뜻이 뭐|[은는이가] 무슨 (?:의미|뜻)){_POLITE}": " 무슨 뜻이야",
    rf"(?:[이가은는]|란|이란)? ?(?:뭐{_POLITE}|뭔가요|무엇인가요|무엇입니까)[?.]*$": " 무엇",
    r"[을를] 알려 ?(?:주세요|줘|줄래요)[?.]*$": " 무엇",
    r"^(?:什么是|什么叫|何为)(.{2,}?)[?\uff1f]?$": r"\1是什么",
    r"(?<=.{2})(?<![你您我他她它们名字])(?:是什么意思|是指什么)[?\uff1f]?$": "是什么",
    r"(?:如何|怎样)(?!的)(?=[\u4e00-\u9fff]{2})": "怎么",
    rf"(?<=.{{2}})(?:とは(?:何|なん){_ASKS}|って(?:何|なに){_ASKS})[?\uff1f。]*$": "とは",
}
_PATTERNS: Final = [
    (re.compile(pattern, re.IGNORECASE), longer) for pattern, longer in _FORMS.items()
]
_ANY: Final = re.compile("|".join(_FORMS), re.IGNORECASE)
_ANY_ASCII: Final = re.compile("|".join(filter(str.isascii, _FORMS)), re.IGNORECASE)
"""What can match a text without accents: most of the others are looked for at every letter."""
_ABBREVIATED: Final = """
UN = United Nations; EU = European Union; UK = United Kingdom; USA = United States of America;
NATO = North Atlantic Treaty Organization; WTO = World Trade Organization; IMF = International
Monetary Fund; DNA = deoxyribonucleic acid; RNA = ribonucleic acid; CPU = central processing unit;
GPU = graphics processing unit; API = application programming interface; AI = artificial
intelligence; GDP = gross domestic product; VAT = value added tax; HTML = hypertext markup language;
LED = light-emitting diode; PDF = portable document format; GPS = global positioning system;
ATM = automated teller machine; CEO = chief executive officer; FBI = Federal Bureau of
Investigation; CIA = Central Intelligence Agency; NASA = National Aeronautics and Space
Administration; HIV = human immunodeficiency virus; BGB = Bürgerliche Gesetzbuch; KI = künstliche
Intelligenz; BIP = Bruttoinlandsprodukt; TVA = taxe sur la valeur ajoutée; ONU = Organización de las
Naciones Unidas; PIB = producto interior bruto; PIB = produto interno bruto; PIB = produit intérieur
brut; IVA = impuesto sobre el valor añadido; PKB = produkt krajowy brutto; BTW = belasting over de
toegevoegde waarde; TBMM = Türkiye Büyük Millet Meclisi; СССР = Союз Советских Социалистических
Республик; США = Соединённые Штаты Америки; ООН = Организация Объединённых Наций
"""
_LONG: Final = {
    " ".join(long.split()).casefold(): short.strip()
    for short, _, long in (pair.partition("=") for pair in _ABBREVIATED.split(";"))
}
_WRITTEN_OUT: Final = re.compile(rf"\b(?:{'|'.join(map(re.escape, _LONG))})\b", re.IGNORECASE)


def plain_phrases(text: str) -> str:
    """The text with one phrase for all that mean the same."""
    plain = text.replace("\u2019", "'")
    if (_ANY_ASCII if plain.isascii() else _ANY).search(plain) is not None:
        for pattern, other in _PATTERNS:
            plain = pattern.sub(other, plain)
    return plain


def abbreviated(text: str) -> str:
    """The text with the abbreviation of what is written out."""
    return _WRITTEN_OUT.sub(lambda match: _LONG.get(match[0].casefold(), match[0]), text)
