import json
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cache.identity.normalisation import canonical

PAIRS = Path("bench/cache_details.jsonl")
VOCABULARY = """
What what How is Is a the mutex US us 5 MW mW 2² año ano schön schon Straße Strasse 👍 don't C++ C#
.NET -5 3.10 flag -d print(x) Why wie Où 买 5! 6' ½ please thanks hello etc. approx. x2 it IT he's
May Polish a.m. e\u0301 \u00e9 I\u0130 \u200d re-sign
"""
WORDS = st.sampled_from(VOCABULARY.split())
SENTENCES = st.builds(
    lambda words, gap, end: gap.join(words) + end,
    st.lists(WORDS, min_size=1, max_size=9),
    st.sampled_from([" ", "  "]),
    st.sampled_from(["", ".", "?", "!", "??"]),
)
TEXTS = st.one_of(SENTENCES, st.text(min_size=1, max_size=40))
LETTERS = st.characters(categories=["L", "N"])
SIGNS = st.characters(categories=["P", "S", "M", "Cf"])


@pytest.mark.parametrize(
    "form",
    [
        "What is a mutex?",
        "what is a mutex",
        "  what is a mutex?\n",
        "What  is a mutex",
    ],
)
def test_forms_of_one_question(form: str) -> None:
    assert canonical(form) == "what is a mutex"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Explain how a diesel engine works.", "Explain how a diesel engine works"),
        ("Wie alt ist Köln?", "wie alt ist Ko\u0308ln"),
        ("    print(x)", "print(x)"),
        ("\n  if x:\n    y", "  if x:\n    y\n"),
    ],
)
def test_other_forms_of_one_text(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  a:\n  b:", "a:\n  b:"),
        ("Define approx.", "Define approx"),
        ("It is raining.", "It is raining?"),
        ("Can play what?", "can play what?"),
        ("What does the regex ab? match?", "What does the regex ab match?"),
        ("What matches the regex ab?", "What matches the regex ab"),
        ("Which words are short for trans.", "Which words are short for trans"),
        ("What is 5 \u212a?", "What is 5 K?"),
        ("What is 1 \u212b?", "What is 1 \u00c5?"),
        ("Does \u037e end it?", "Does ; end it?"),
        ("Was", "was"),
        ("What is \ufb01?", "What is fi?"),
        ("What is \uff21?", "What is A?"),
        ("Is it \u0130?", "Is it i\u0307?"),
        ("What is a\u200fb?", "What is ab?"),
        ("What is \u263a\ufe0f?", "What is \u263a?"),
        ("What is that?", "What is that?!"),
        ("What is that?", "What is that\u2026"),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "word",
    ["sign", "token", "mayúscul", "écri", "groß", "abkürz", "wildcard", "emoji", "full stop"],
)
def test_words_about_form_are_found_in_any_case(word: str) -> None:
    every = map(chr, range(sys.maxunicode + 1))
    cased = [
        sign for sign in every if sign.isalpha() and len({sign, sign.upper(), sign.lower()}) > 1
    ]
    for at, letter in enumerate(word):
        for other in cased:
            if letter.isalpha() and (not other.isascii() or other.lower() == letter):
                text = f"we  {word[:at]}{other}{word[at + 1 :]}"
                is_about_form = re.fullmatch(letter, other, re.IGNORECASE) is not None
                assert ("  " in canonical(text)) == is_about_form, text


@pytest.mark.parametrize("text", ["a dot", "dot", "(dot)", "x-SIGNS", "\nsign", "5% sign"])
def test_a_word_about_form_begins_behind_any_mark(text: str) -> None:
    assert canonical(f"{text}  b") == f"{text}  b".strip()


@pytest.mark.parametrize("text", ["dots", "design", "re5sign", "globe"])
def test_a_part_of_a_word_is_not_about_form(text: str) -> None:
    assert canonical(f"we  {text}") == f"we {text}"


def test_no_two_different_questions_of_the_detail_pairs_are_joined() -> None:
    pairs = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    different = [(pair["a"], pair["b"]) for pair in pairs if not pair["same"]]
    assert len(different) > 300
    assert [pair for pair in different if canonical(pair[0]) == canonical(pair[1])] == []


@settings(deadline=None, max_examples=500)
@given(TEXTS, LETTERS, st.data())
def test_no_edit_of_a_letter_or_digit_is_canonical(
    text: str, letter: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    edited = data.draw(
        st.sampled_from(
            [
                text[:at] + letter + text[at:],
                text[:at] + letter + text[at + 1 :],
                text[:at] + text[at + 1 :] if text[at : at + 1].isalnum() else text + letter,
            ]
        )
    )
    assume(differs(text, edited))
    assume(text[:1].isspace() or text[:1].lower() != edited[:1].lower() or text[1:] != edited[1:])
    assert canonical(text) != canonical(edited)


@settings(deadline=None, max_examples=500)
@given(TEXTS, st.data())
def test_no_change_of_case_is_canonical_but_of_the_first_letter(
    text: str, data: st.DataObject
) -> None:
    body = text.strip()
    assume(len(body) > 1)
    at = data.draw(st.integers(1, len(body) - 1))
    edited = body[:at] + body[at].swapcase() + body[at + 1 :]
    assume(differs(body, edited))
    assert canonical(body) != canonical(edited)


@settings(deadline=None, max_examples=500)
@given(TEXTS, SIGNS, st.data())
def test_no_edit_of_a_sign_is_canonical_but_of_a_last_one(
    text: str, sign: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    is_last = not text[at:].strip(" \t\r\n")
    assume(not (is_last and sign in "?."))
    edited = text[:at] + sign + text[at:]
    assume(differs(text, edited))
    assert canonical(text) != canonical(edited)
    assert canonical(edited) == canonical(canonical(edited)) or edited.endswith((".", "?"))


@settings(deadline=None, max_examples=500)
@given(st.lists(WORDS, min_size=1, max_size=9), WORDS, st.data())
def test_no_edit_of_a_word_is_canonical(words: list[str], word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words) - 1))
    edits = [
        [*words[:at], word, *words[at:]],
        [*words[:at], *words[at + 1 :]],
        [*words[:at], word, *words[at + 1 :]],
        [*words[:at], *words[at:][::-1]],
    ]
    edited = data.draw(st.sampled_from(edits))
    before, after = " ".join(words), " ".join(edited)
    assume(differs(before, after) and before.casefold() != after.casefold())
    assert canonical(before) != canonical(after)


@settings(deadline=None)
@given(st.text(min_size=1))
def test_only_white_space_can_vanish(text: str) -> None:
    assert canonical(text) or not text.strip(" \t\r\n")


def differs(one: str, other: str) -> bool:
    """Beyond the white space around it and its Unicode composition."""
    first, second = (unicodedata.normalize("NFC", text.strip()) for text in (one, other))
    return first != second
