r"""Labelled questions for the cache's recogniser, expanded from templates in twelve languages.

    python -m dev.recogniser.questions --output dev/recogniser/questions.jsonl.gz

A file `questions/<language>.txt` has slots (`{city}=Paris|Rome`), then under `[kind]` one template
a line, with `(a|b)` for alternatives; `second/<language>.txt` has those of another style: terse,
colloquial, of business. `third`, `held_out`, `fourth` and `fifth/<language>.txt`
have plain questions by four other hands; those of `fifth` are the hardest.
"""

import argparse
import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
FILE: Final = HERE / "questions.jsonl.gz"
VARIANTS: Final = 9
_SPELT_OUT: Final[dict[int, str]] = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"}
_CHOICE: Final = re.compile(r"\(([^()]*)\)")
_SLOT: Final = re.compile(r"\{(\w+)\}")
_SHARES: Final = ("train",) * 14 + ("calibration",) * 3 + ("test",) * 3

OPENINGS: Final = {
    "en": ["hi, ", "hello! ", "hey ", "quick question: ", "please tell me: ", "ok so "],
    "de": ["hallo, ", "hi, ", "guten tag, ", "kurze frage: ", "sag mal, ", "hey "],
    "fr": ["bonjour, ", "salut, ", "dis-moi, ", "une question : ", "svp, "],
    "es": ["hola, ", "buenas, ", "oye, ", "una pregunta: ", "por favor, "],
    "it": ["ciao, ", "salve, ", "senti, ", "una domanda: ", "scusa, "],
    "pt": ["oi, ", "olá, ", "bom dia, ", "uma dúvida: ", "por favor, "],
    "nl": ["hoi, ", "hallo, ", "goedendag, ", "vraagje: ", "zeg, "],
    "pl": ["cześć, ", "dzień dobry, ", "hej, ", "pytanie: ", "proszę, "],
    "tr": ["merhaba, ", "selam, ", "iyi günler, ", "bir sorum var: ", "pardon, "],
    "ja": ["こんにちは。", "すみません、", "ねえ、", "質問です。", "あの、"],
    "zh": ["你好，", "请问", "您好，", "问一下，", "嗨，"],
    "ar": ["مرحبا، ", "السلام عليكم، ", "لو سمحت، ", "سؤال: ", "أهلا، "],
}
CLOSINGS: Final = {
    "en": [" please", " thanks", " thx", " asap"], "de": [" bitte", " danke", " lg"],
    "fr": [" svp", " merci", " s'il vous plaît"], "es": [" por favor", " gracias"],
    "it": [" per favore", " grazie"], "pt": [" por favor", " obrigado"],
    "nl": [" alsjeblieft", " bedankt", " aub"], "pl": [" proszę", " dzięki"],
    "tr": [" lütfen", " teşekkürler"], "ja": ["お願いします", "ありがとう"],
    "zh": [" 谢谢", " 麻烦了"], "ar": [" من فضلك", " شكرا"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """One question. template: its number; split: train, calibration or test."""

    text: str
    language: str
    kind: str
    template: str
    split: str


FIRST_SETS: Final = {
    "questions": "t",
    "second": "s",
    "third": "c",
    "held_out": "h",
    "fourth": "f",
    "fifth": "g",
}
"""By folder the series: what the recogniser learns from."""


def questions() -> Iterator[LabelledQuestion]:
    """All of them, the same at each call."""
    for folder, series in FIRST_SETS.items():
        yield from questions_of(HERE / folder, series)


LATER_SETS: Final = {
    "sixth": "6",
    "seventh": "7",
    "eighth": "8",
    "ninth": "9",
    "tenth": "x",
    "eleventh": "y",
    "twelfth": "a",
    "thirteenth": "b",
    "fourteenth": "e",
    "fifteenth": "i",
    "sixteenth": "j",
    "seventeenth": "k",
    "nineteenth": "l",
}
"""By folder the series: plain questions that only the second look's classifier learns from."""


def later_questions() -> Iterator[LabelledQuestion]:
    """The sets that were written after the recogniser."""
    for folder, series in LATER_SETS.items():
        yield from questions_of(HERE / folder, series)


def questions_of(folder: Path, series: str) -> Iterator[LabelledQuestion]:
    """Those of one folder's files, by language."""
    for path in sorted(folder.glob("*.txt")):
        yield from _of_file(path, series)


def _of_file(path: Path, series: str) -> Iterator[LabelledQuestion]:
    language, kind, slots = path.stem, "", {}
    for number, line in enumerate(path.read_text().splitlines()):
        if line.startswith("{") and "}=" in line:
            name, words = line[1:].split("}=")
            slots[name] = words.split("|")
        elif line.startswith("["):
            kind = line.strip("[]")
        elif line.strip():
            template = f"{series}-{language}-{number}"
            split = "test" if series == "h" else _SHARES[zlib.crc32(line.encode()) % len(_SHARES)]
            for text in _variants(line, slots, language, split):
                yield LabelledQuestion(text, language, kind, template, split)


def _variants(line: str, slots: dict[str, list[str]], language: str, split: str) -> list[str]:
    draw = random.Random(line)
    texts: dict[str, None] = {}
    plain = "(" not in line and "{" not in line
    for _ in range(1 if plain else VARIANTS):
        text = _CHOICE.sub(lambda found: draw.choice(found[1].split("|")), line)
        text = _SLOT.sub(lambda found: draw.choice(_half(slots[found[1]], split)), text)
        text = re.sub(r"  +", " ", text).strip()
        texts[text if plain else _styled(text, language, draw)] = None
    return list(texts)


def _half(words: list[str], split: str) -> list[str]:
    cut = max(1, len(words) * 2 // 3)
    return words[cut:] or words if split == "test" else words[:cut]


def _styled(text: str, language: str, draw: random.Random) -> str:
    """The text in one of several people's way of typing."""
    if draw.random() < 0.15:
        text = draw.choice(OPENINGS[language]) + text
    if draw.random() < 0.1:
        end = text[-1] if text[-1] in "?？؟" else ""
        text = text.removesuffix(end) + draw.choice(CLOSINGS[language]) + end
    if draw.random() < 0.3:
        text = text.rstrip("?？؟")
    if draw.random() < 0.12 and language not in {"ja", "zh"} and len(text) > 12:
        at = draw.randrange(2, len(text) - 2)
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        text = draw.choice([swapped, text[:at] + text[at + 1 :]])
    if language == "de" and draw.random() < 0.15:
        text = text.translate(_SPELT_OUT)
    return text.lower() if draw.random() < 0.3 else text


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=FILE)
    options = parser.parse_args()
    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in questions()]
    with options.output.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write("".join(lines).encode())
    print(f"{options.output}: {len(lines):,} questions")


if __name__ == "__main__":
    main()
