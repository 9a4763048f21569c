import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.groundedness import Labelled, flagged, labelled
from observability.grounding.claim_lookup import ContextIndex, context_tokens
from observability.grounding.groundedness import FLAGGED_SHARE, context_support
from observability.grounding.number_words import in_words, says_month

MADE_WITH = list(labelled("groundedness"))
UNSEEN = list(labelled("groundedness_unseen"))


def missing(answer: str, context: str) -> tuple[str, ...]:
    return ContextIndex(context).unsupported_claims(answer)[1]


def test_the_figures_in_the_documentation_are_those_of_the_labelled_answers() -> None:
    assert (len(MADE_WITH), len(UNSEEN)) == (134, 60)
    for answers, caught, false in ((MADE_WITH, 60, 3), (UNSEEN, 28, 5)):
        assert flagged(answers, faithful=False, least=0).count == caught
        assert flagged(answers, faithful=True, least=0).count == false


@pytest.mark.parametrize("one", [a for a in MADE_WITH + UNSEEN if a.kind == "copy"])
def test_what_is_copied_is_never_flagged(one: Labelled) -> None:
    assert context_support(one.answer, one.context).ungrounded is False


@pytest.mark.parametrize("one", [a for a in MADE_WITH + UNSEEN if a.kind == "number"])
def test_an_altered_number_is_always_flagged(one: Labelled) -> None:
    assert context_support(one.answer, one.context).ungrounded is True


@given(
    before=st.from_regex(r"[0-9]{1,4}", fullmatch=True),
    digit=st.sampled_from("0129"),
    places=st.integers(290, 4500),
    unit=st.sampled_from(["", " %", " million", " Tsd."]),
)
def test_a_number_of_any_length_is_judged(before: str, digit: str, places: int, unit: str) -> None:
    for number in (f"{before}.{digit * places}", f"{before},{digit * places}", digit * places):
        assert not missing(f"It was {number}{unit}.", f"It was {number}{unit}.")
        context_support(f"It was {number}{unit}.", "It was 42.")


@pytest.mark.parametrize(
    ("answer", "context"),
    [
        ("It cost 1,234.5 in all.", "es waren 1.234,5"),
        ("It cost 186 000 in all.", "186.000 Euro"),
        ("They sold 2.4 million.", "2 400 000"),
        ("They sold 2,400,000.", "2,4 Millionen"),
        ("They sold about 1.38 million.", "1,377,910 tickets"),
        ("It is 45 now.", "forty-five"),
        ("Es sind 45.", "fünfundvierzig"),
        ("Il y en a 75.", "soixante-quinze"),
        ("There are 860 left.", "1,140 of 2,000"),
        ("It was in February.", "2026-02-11"),
        ("It was in March.", "am 14. März"),
    ],
)
def test_another_way_to_write_it_is_supported(answer: str, context: str) -> None:
    assert missing(answer, context) == ()


@pytest.mark.parametrize(
    ("answer", "context", "claim"),
    [
        ("It is 11 now.", "he put it on the shelf himself", "11"),
        ("It was in July.", "2026-02-11", "July"),
        ("It has 98,765 rows.", "98,764 rows and 2 more", "98,765"),
        ("Id 12345678901234567.", "id 12345678901234568", "12345678901234567"),
        ("There are 12 left.", "it says 24 and 12,000 and 36 and 48", "12"),
        ("Yes, Özge came.", "Ayşe came", "Özge"),
    ],
)
def test_what_only_looks_alike_is_not(answer: str, context: str, claim: str) -> None:
    assert missing(answer, context) == (claim,)


def test_headings_labels_and_first_words_are_no_names() -> None:
    answer = "## Key Findings\n\n**Next Steps:**\n- **Who To Ask:** Maria\nHowever, it grew."
    assert missing(answer, "Ask maria. It grew.") == ()


def test_german_nouns_are_no_names_but_full_names_are() -> None:
    context = "Die Firma ist über Nacht umgezogen, sagt Anna Weber."
    assert missing("Der Umzug der Firma war über Nacht, das sagt Anna Weber.", context) == ()
    assert missing("Das ist über Nacht geschehen, sagt Paul Lang.", context) == ("Paul Lang",)


def test_a_hostile_answer_costs_no_more_than_its_first_claims() -> None:
    checked, found = ContextIndex("12 of 13").unsupported_claims(
        " ".join(str(n) for n in range(1000, 9000))
    )
    assert (checked, len(found)) == (200, 200)


@given(st.text(max_size=300))
def test_a_text_supports_itself(text: str) -> None:
    assert missing(text, text) == ()


@given(st.integers(11, 10**12), st.sampled_from(["{:,}", "{}", "{:_}"]))
def test_a_number_is_found_however_its_thousands_are_grouped(number: int, form: str) -> None:
    for mark in (",", ".", " ", "\u202f", "'"):
        written = form.format(number).replace("_", mark).replace(",", mark)
        assert missing(f"It is {number}.", f"there are {written} of them") == ()


@given(st.integers(11, 99))
def test_the_three_languages_say_each_number_differently(number: int) -> None:
    others = {word for n in range(11, 100) if n != number for word in in_words(n)}
    assert others.isdisjoint(in_words(number))


def test_a_month_is_known_by_name_and_in_dates() -> None:
    assert says_month(2, "le 3 février")
    assert says_month(2, "03.02.2026")
    assert says_month(2, "2/14")
    assert not says_month(2, "2026-12-02")


def used_by_the_definition(context: str, answer: str) -> float:
    """A passage was used if the answer has a quarter of its rarer words, or one of its numbers."""

    def words(text: str) -> set[str]:
        folded = " ".join(text.casefold().replace("\u2019", "'").split())
        return set(re.findall(r"[^\W\d_]{4,}|\d+", folded))

    passages = [p for p in re.split(r"\n\s*\n", context) if p.strip()]
    used = 0
    for passage in passages:
        shared = words(passage) & words(answer)
        number = any(word.isdigit() and len(word) > 1 for word in shared)
        if number or len(shared) >= 0.25 * len(words(passage)):
            used += len(passage)
    return used / max(1, sum(map(len, passages)))


_PROSE = st.lists(
    st.sampled_from(
        ["größe", "x²1", "abc123", "déjà-vu", "1,250", "word_word", "\u2019tis", "\n\n", "alpha",
         "beta", "gamma", "42", "7", "ﬁne", "straße", "\u202f", "½", "٣٤", "don't"]
    ),
    max_size=40,
).map(" ".join)  # fmt: skip


@given(_PROSE | st.text(max_size=200), _PROSE | st.text(max_size=200))
def test_the_fast_count_of_used_context_is_the_plain_one(context: str, answer: str) -> None:
    assert context_support(answer, context).used_share == used_by_the_definition(context, answer)


@given(_PROSE, _PROSE)
def test_shares_are_shares(context: str, answer: str) -> None:
    found = context_support(answer, context)
    share = found.unsupported_share
    assert share is None or 0 <= share <= 1
    assert found.ungrounded is (None if share is None else share > FLAGGED_SHARE)


@given(st.text() | st.text("aÉß\u0130x1 _-,.\u00a0\u2019\ud83d\ude00"))
def test_tokens_stand_between_ascii_marks_and_spaces(text: str) -> None:
    apart = [" " if sign.isascii() and not sign.isalnum() else sign for sign in text.casefold()]
    assert context_tokens(text) == set("".join(apart).split())
