"""Vocabulary: English numbers, negations, function words. Which words have a job of their own?

Part of the trained model's input: a change needs a new `verifier.npz`.
"""

from typing import Final

_UP_TO_TWENTY: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty
"""
_NEGATIONS: Final = """
not no never none nothing nobody nowhere neither nor without hardly barely except isnt arent dont
doesnt didnt wont cant couldnt shouldnt wouldnt wasnt werent havent hasnt hadnt
"""
_FUNCTION_WORDS: Final = """
a an the is are was were be been being am do does did doing done have has had having i you he she
it we they me him her us them my your his its our their mine yours this that these those there
here of in on at to for from by with about into onto as than then so if or and but will would
shall should can could may might must ought what which who whom whose when where why how some any
all each every much many more most such own same too very just also only really please get got go
someone anyone somebody anybody one ones thing things way ways best good better actually exactly
"""

NEGATIONS: Final = frozenset(_NEGATIONS.split())
FUNCTION_WORDS: Final = frozenset(_FUNCTION_WORDS.split())
"""Words that hardly tell one question from another; `best` and `good` among them."""

QUESTION_WORDS: Final = ("what", "which", "who", "when", "where", "why", "how", "is", "can", "do")

CONTRACTED: Final = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "i'm": "i am",
    "let's": "let us",
}

SCALES: Final = {
    "k": 1e3,
    "lakh": 1e5,
    "lakhs": 1e5,
    "crore": 1e7,
    "crores": 1e7,
    "million": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "bn": 1e9,
}
"""What a word after a number multiplies it by."""

SPELLED: Final = {
    **{word: str(value) for value, word in enumerate(_UP_TO_TWENTY.split()) if word != "one"},
    "first": "1",
    "second": "2",
    "third": "3",
    "fourth": "4",
    "fifth": "5",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "hundred": "100",
    "thousand": "1000",
    "half": "0.5",
    "twice": "2",
    "double": "2",
    "triple": "3",
}
"""Numbers in words; `one` is left out: it is mostly a pronoun.

No library makes this table: it is the words that the model was trained with, no more and no fewer
(`sixty` isn't among them, `double` is).
"""
