"""Which kind of work does a prompt ask for, by the words it asks with?

A service that knows its task declares it (`routing.task`); this is for those that don't. A task is
recognised by cue words; one in the opening or closing words of the text, where instructions stand,
counts three times one in the middle, which may be the material to work on.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from router.surface import Surface

Task: TypeAlias = Literal[
    "classify",
    "extract",
    "summarise",
    "translate",
    "rewrite",
    "chat",
    "question",
    "code",
    "math",
    "reasoning",
    "legal",
    "medical",
    "creative",
    "agent",
]

_CUES: Final[Mapping[Task, str]] = {
    "classify": "classify categorize categorise category label sentiment spam intent triage "
    "klassifiziere classifie clasifica classifica",
    "extract": "extract entities fields parse transcribe extrahiere extrais extraer estrai",
    "summarise": "summarize summarise summary tldr abstract condense bullet zusammenfassung "
    "zusammenfassen résume résumer resume resumen riassumi samenvatting 总结 要約 요약 резюме",
    "translate": "translate translation übersetze übersetzen traduis traduire traduce traducir "
    "traduci traduza vertaal 翻译 翻訳 번역 переведи ترجم",
    "rewrite": "rewrite rephrase paraphrase proofread grammar shorten polish reword tone "
    "umformulieren reformule corrige correct",
    "code": "python javascript typescript java rust sql regex function code program script bug "
    "debug refactor compile algorithm api html css docker kubernetes funktion 代码 関数 код",
    "math": "calculate compute equation integral derivative probability theorem prove triangle "
    "polynomial matrix percent sum solve fraction remainder divisible integer perimeter 計算 계산",
    "reasoning": "deduce infer puzzle riddle logic step-by-step therefore implies conclude "
    "constraint constraints schedule plan trade-offs tradeoffs analyze analyse analysiere evaluate "
    "justify compare",
    "legal": "contract clause liability gdpr statute plaintiff defendant jurisdiction lawsuit "
    "legal court indemnity tort damages negligence constitutional breach compliance vertrag "
    "haftung rechtlich contrat clause juridique",
    "medical": "patient diagnosis symptoms mg dose treatment clinical disease therapy syndrome "
    "prescription surgery chronic acute diagnose patientin médecin",
    "creative": "poem story song lyrics slogan haiku novel character roleplay imagine joke tweet "
    "caption blog essay gedicht poème poema storia 诗 詩",
}
_TASK_OF: Final[dict[str, Task]] = {
    word: task for task, words in _CUES.items() for word in words.split()
}
_CUE: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_EDGE: Final = 25
_EDGE_WEIGHT: Final = 3


def recognise(text: str, surface: Surface, *, tools: bool) -> Task:
    """The kind of work, `question` or `chat` where nothing speaks for another."""
    if tools:
        return "agent"
    votes = _votes(_CUE.findall(text.lower()))
    _add_density(votes, surface)
    best = max(votes, key=votes.__getitem__, default=None)
    if best is not None and votes[best] >= _EDGE_WEIGHT:
        return best
    return "question" if surface.questions or surface.options or surface.blanks else "chat"


def _votes(words: list[str]) -> dict[Task, float]:
    """Each cue word counts once a text, at its heaviest place."""
    votes: dict[Task, float] = {}
    seen: set[str] = set()
    last_edge = len(words) - _EDGE
    edges = [*words[:_EDGE], *words[max(_EDGE, last_edge) :]]
    for weight, part in ((_EDGE_WEIGHT, edges), (1, words)):
        for word in part:
            task = _TASK_OF.get(word)
            if task is not None and word not in seen:
                seen.add(word)
                votes[task] = votes.get(task, 0) + weight
    return votes


def _add_density(votes: dict[Task, float], surface: Surface) -> None:
    """Code and formulas speak for themselves."""
    size = max(20, surface.words)
    votes["code"] = votes.get("code", 0) + min(6, 60 * surface.code / size)
    votes["math"] = votes.get("math", 0) + min(5, 20 * surface.math / size)
