r"""The recogniser and its second look on a set of labelled questions: shares refused and in doubt.

    python -m dev.score_recogniser --set eighteenth

A set is a folder of `dev/recogniser`; `eighteenth` is one that neither has learned from.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Final

from cache.identity.question_classifier import combined, is_unsure
from cache.semantic.question_embedder import QuestionEmbedder
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.second_look import load_classifier
from dev.recogniser.questions import HERE, questions_of
from dev.train_recogniser import Row, figures, markdown

_KEPT_FOR_ALL: Final = "kept for all"


def main() -> None:
    """Prints the table by language, and what was judged otherwise than it is labelled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="eighteenth", help="a folder of dev/recogniser")
    parser.add_argument("--embedder", type=Path, default=Path("var/multilingual"))
    options = parser.parse_args()
    recogniser, classifier = load_recogniser(), load_classifier()
    embedder, seen = QuestionEmbedder(options.embedder), []
    for question in questions_of(HERE / options.set, "-"):
        judged = recogniser.recognise(question.text)
        if is_unsure(question.text, judged):
            judged = combined(judged, classifier.shares(embedder.embed_now(question.text)))
        row: Row = asdict(question)
        seen.append((row, judged))
    print(markdown(figures(seen)))
    for row, judged in seen:
        bound = 1 - judged.share("timeless")
        if (row["kind"] == "timeless") != (bound < judged.refuse):
            verdict = _KEPT_FOR_ALL if bound < judged.doubt else f"{bound:.2f} bound"
            print(f"{row['language']} {row['kind']}, {verdict}: {row['text']}")


if __name__ == "__main__":
    main()
