"""Variants: British spelling as American. Which word is written in two ways in one language?

Not for a question about spelling. What may be another word (cheque, storey, programme) stays.
"""

import re
from typing import Final

_OUR: Final = """
col fav flav hon lab neighb hum harb behavi savi vap arm sav endeav od parl rig splend tum val
vig discol dishon belab
"""
_ISE: Final = """
organ real recogn apolog summar minim maxim optim categor memor character standard general special
priorit visual custom final normal util author critic emphas symbol popular modern local legal
neutral steril fertil hypnot central social stabil mobil person synchron colon harmon item
"""
_DOUBLED: Final = """
travel cancel label model level fuel counsel signal quarrel tunnel marvel channel
"""
_WORDS: Final = """
centre=center centres=centers theatre=theater theatres=theaters fibre=fiber fibres=fibers
lustre=luster grey=gray greyer=grayer tyre=tire tyres=tires aluminium=aluminum
pyjamas=pajamas catalogue=catalog catalogues=catalogs analogue=analog plough=plow
sceptic=skeptic sceptical=skeptical yoghurt=yogurt yoghurts=yogurts defence=defense offence=offense
licence=license practise=practice moustache=mustache cosy=cozy doughnut=donut doughnuts=donuts
ageing=aging judgement=judgment enrol=enroll fulfil=fulfill skilful=skillful instalment=installment
manoeuvre=maneuver anaemia=anemia paediatric=pediatric paediatrician=pediatrician
oestrogen=estrogen diarrhoea=diarrhea haemoglobin=hemoglobin foetus=fetus leukaemia=leukemia
orthopaedic=orthopedic jewellery=jewelry jeweller=jeweler
"""
_AMERICAN: Final = dict(pair.split("=") for pair in _WORDS.split())
_RULES: Final = [
    (re.compile(rf"\b({'|'.join(stems.split())}){british}"), american)
    for stems, british, american in (
        (_OUR, r"our(?=s?\b|ed\b|ing|able|ful|ite|less)", r"\1or"),
        (_ISE, r"is(?=e[sdr]?\b|ing\b|ations?\b|able\b)", r"\1iz"),
        (_DOUBLED, r"l(?=ed\b|ing\b|ers?\b)", r"\1"),
    )
]
_ABOUT_ENGLISH: Final = re.compile(
    r"\b(?:british|american|english|noun|verb|adjective|correct|grammar)", re.IGNORECASE
)
_ANY: Final = re.compile(rf"\b(?:{'|'.join(_AMERICAN)})\b")


def in_american(text: str) -> str:
    """The text with one spelling of English words that have two, not of names: the Labour Party."""
    if _ABOUT_ENGLISH.search(text) is not None:
        return text
    plain = _ANY.sub(lambda match: _AMERICAN[match[0]], text)
    for pattern, other in _RULES:
        plain = pattern.sub(other, plain)
    return plain
