"""Task cues: the words that tell which kind of work a prompt asks for, in several languages."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Task: TypeAlias = Literal[
    "classify",
    "extract",
    "summarise",
    "translate",
    "rewrite",
    "chat",
    "lookup",
    "question",
    "code",
    "math",
    "reasoning",
    "legal",
    "medical",
    "creative",
    "agent",
]
"""`lookup`: a short question for a fact; `question`: any other; `chat`: nothing is asked."""

CUES: Final[Mapping[Task, str]] = {
    "classify": "classify categorize categorise category label sentiment spam intent triage "
    "klassifiziere classifie clasifica",
    "extract": "extract entities fields parse transcribe csv json passage paragraph excerpt "
    "extrahiere extrais extraer estrai",
    "summarise": "summarize summarise summary tldr condense zusammenfassung zusammenfassen résumé "
    "résume résumer resume resumen riassumi samenvatting резюме",
    "translate": "translate translation übersetze übersetzen traduis traduire traduce traducir "
    "traduci traduza vertaal переведи ترجم",
    "rewrite": "rewrite rephrase paraphrase proofread grammar shorten polish reword edit "
    "umformulieren reformule corrige",
    "code": "python javascript typescript java rust sql regex function code program script bug "
    "debug refactor compile algorithm api html css docker kubernetes array arrays string strings "
    "implement stack website "
    "coding def leetcode stdin nums funktion код",
    "math": "calculate compute equation integral derivative probability theorem prove triangle "
    "polynomial matrix percent sum solve fraction remainder divisible integer perimeter "
    "area radius vertices inequality",
    "reasoning": "deduce infer puzzle riddle logic logically therefore implies conclude reasoning "
    "suppose assume hypothetical constraints schedule feasible offs analyze analyse evaluate "
    "justify critique diagnose clue clues premises strategy",
    "legal": "contract clause liability gdpr statute plaintiff defendant jurisdiction lawsuit "
    "legal court indemnity tort damages negligence constitutional compliance vertrag haftung "
    "rechtlich contrat juridique",
    "medical": "patient diagnosis symptoms mg dose clinical disease therapy syndrome prescription "
    "surgery chronic acute patientin médecin",
    "creative": "poem story song lyrics slogan haiku novel character roleplay joke tweet "
    "caption blog essay fiction pretend scene email letter speech guide gedicht poème poema storia",
}

UNSPACED_CUES: Final[Mapping[str, Task]] = {
    "翻译": "translate",
    "翻訳": "translate",
    "번역": "translate",
    "总结": "summarise",
    "要約": "summarise",
    "요약": "summarise",
    "代码": "code",
    "関数": "code",
    "計算": "math",
    "计算": "math",
    "계산": "math",
    "诗": "creative",
    "詩": "creative",
}
"""Cues in scripts that put no spaces between words: sought anywhere in the text."""

_FAINT_CUES: Final = (
    "contract contrat vertrag court legal patient surgery label fields evaluate string strings"
)
FAINT: Final = frozenset(_FAINT_CUES.split())
"""Cues that everyday prompts hold too ("cancel my contract"): they need company to decide."""
