"""Task recognition by cue words: which kind of work does a prompt ask for?

A service that knows its task declares it (`routing.task`); this is for those that don't. A task is
recognised by cue words; one in the opening or closing words of the text, where instructions stand,
counts three times one in the middle, which may be the material to work on.
"""

import re
from typing import Final

from router.text.lexical_counts import LexicalCounts
from router.text.task_cues import CUES, FAINT, UNSPACED_CUES, Task
from router.text.tokenizer import TokenizedText

__all__ = ["Task", "recognise_task"]

_TASK_OF: Final[dict[str, Task]] = {
    word: task for task, words in CUES.items() for word in words.split()
}
_UNSPACED_CUE: Final = re.compile(f"[{''.join(cue[0] for cue in UNSPACED_CUES)}]")
_EDGE: Final = 25
_EDGE_WEIGHT: Final = 3.0
_MAKE: Final = "write compose create draft tell generate imagine describe act pretend"
_MAKING: Final = frozenset(_MAKE.split())
_ADDRESS: Final = frozenset(["i", "you", "your", "my", "me", "we", "our", "us", "please"])
_OPENINGS: Final = (
    "what which who how why when where can could do does is are describe explain discuss compare "
    "provide list evaluate write give name"
)
_ASKING: Final = frozenset(_OPENINGS.split())
_LOOKUP: Final = frozenset(["who", "whom", "whose", "when", "where", "which", "what", "name"])
_PLAIN_LOOKUP: Final = frozenset(["who", "whom", "whose", "when", "where"])
_SITUATION: Final = frozenset(["would", "should", "could", "someone", "people", "you"])
_STORY_WORDS: Final = 150
_LOOKUP_WORDS: Final = 25
_LOOKUP_OPENING: Final = 3


def recognise_task(tokenized: TokenizedText, surface: LexicalCounts, *, tools: bool) -> Task:
    """The kind of work; where nothing speaks for another: `lookup`, `question` or `chat`."""
    if tools:
        return "agent"
    votes = _votes(tokenized)
    _add_density(votes, tokenized, surface)
    best = max(votes, key=votes.__getitem__, default=None)
    if best is not None and votes[best] >= _EDGE_WEIGHT:
        return best
    if _looks_up(tokenized, surface):
        return "lookup"
    if _tells_a_case(tokenized, surface):
        return "reasoning"
    return "question" if surface.questions or surface.options or surface.blanks else "chat"


def _votes(tokenized: TokenizedText) -> dict[Task, float]:
    """Each cue word counts once a text, at its heaviest place."""
    edges = {*tokenized.words[:_EDGE], *tokenized.words[-_EDGE:]} - FAINT
    votes: dict[Task, float] = {}
    cues = tokenized.vocabulary & _TASK_OF.keys()
    # in the text's order, which decides between equal tasks: a set's differs from run to run
    in_order = filter(cues.__contains__, tokenized.words) if len(cues) > 1 else cues
    for word in dict.fromkeys(in_order):
        task = _TASK_OF[word]
        votes[task] = votes.get(task, 0) + (_EDGE_WEIGHT if word in edges else 1)
    for cue, task in UNSPACED_CUES.items() if _UNSPACED_CUE.search(tokenized.text) else ():
        votes[task] = votes.get(task, 0) + _EDGE_WEIGHT * (cue in tokenized.text)
    if tokenized.text.isascii() and not tokenized.vocabulary & _MAKING:
        votes.pop("creative", None)
    return votes


def _add_density(
    votes: dict[Task, float], tokenized: TokenizedText, surface: LexicalCounts
) -> None:
    """Code, formulas and quantities speak for themselves."""
    size = max(20, surface.words)
    votes["code"] = votes.get("code", 0) + min(6, 60 * surface.code / size)
    votes["math"] = votes.get("math", 0) + min(5, 20 * surface.math / size)
    if _word_problem(tokenized, surface):
        votes["math"] += 2 * _EDGE_WEIGHT


def _word_problem(tokenized: TokenizedText, surface: LexicalCounts) -> bool:
    """A question about quantities that a short story relates."""
    if surface.options or not surface.questions or surface.words > _STORY_WORDS:
        return False
    asks = "how" in tokenized.vocabulary and surface.numbers + surface.relations > 1
    return asks or (surface.numbers > 1 and surface.relations > 0)


def _tells_a_case(tokenized: TokenizedText, surface: LexicalCounts) -> bool:
    """Facts first, then a question about them, and neither is about the writer or the reader."""
    statements = surface.sentences - surface.questions
    short = surface.words <= _STORY_WORDS and not surface.options
    if not short or not statements or not surface.questions or tokenized.vocabulary & _ADDRESS:
        return False
    # a text may ask without a word: "??"
    return bool(tokenized.words) and tokenized.words[0] not in _ASKING


def _looks_up(tokenized: TokenizedText, surface: LexicalCounts) -> bool:
    """A short question for a name, a place, a date: who, when, where, or about someone named."""
    if not 0 < surface.words <= _LOOKUP_WORDS or surface.options or surface.math:
        return False
    if tokenized.vocabulary & _SITUATION:
        return False
    plain = not _PLAIN_LOOKUP.isdisjoint(tokenized.words[:_LOOKUP_OPENING])
    return plain or (surface.names > 0 and not _LOOKUP.isdisjoint(tokenized.vocabulary))
