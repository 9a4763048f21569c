"""Spelled-out numbers, held to the table that num2words 0.5.14 makes of them."""

from pathlib import Path

import pytest

from observability.grounding.claim_lookup import ContextIndex
from observability.grounding.number_words import in_words

TABLE = Path(__file__).with_name("number_words.tsv")
LINES = [line.split("\t") for line in TABLE.read_text().splitlines()]


def test_the_table_has_every_number_from_11_to_99() -> None:
    assert [int(number) for number, *_ in LINES] == list(range(11, 100))


@pytest.mark.parametrize("line", LINES, ids=[number for number, *_ in LINES])
def test_a_number_is_spelled_as_in_the_table(line: list[str]) -> None:
    number, *words = line
    assert list(in_words(int(number))) == words


@pytest.mark.parametrize("number", [-1, 0, 10, 100, 10**9])
def test_other_numbers_have_no_words(number: int) -> None:
    assert in_words(number) == ()


def test_a_number_that_the_context_spells_out_is_borne_out() -> None:
    context = "Le contrat prévoit quatre-vingts jours de délai pour toutes les livraisons."
    assert ContextIndex(context).unsupported_claims("Le délai est de 80 jours.")[1] == ()
