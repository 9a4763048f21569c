import pytest

from runtime.config.yaml_edits import CannotEdit, move_before, set_value

QUALITY = {"success": 0.91, "cases": 1000}
IT = "{success: 0.91, cases: 1000}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\nmodels:\n  m:\n    quality:\n      t: {success: 0.91, cases: 1000}\n"),
        ("models: {}\n", "models: {m: {quality: {t: {success: 0.91, cases: 1000}}}}\n"),
        ("models:\nb: 2\n", "models: {m: {quality: {t: {success: 0.91, cases: 1000}}}}\nb: 2\n"),
        (
            "models:\n  m: {family: f}   # ours\n",
            "models:\n  m: {family: f, quality: {t: {success: 0.91, cases: 1000}}}   # ours\n",
        ),
        (
            "models:\n  m:\n    family: f  # why\n\n# next\nb: 2\n",
            f"models:\n  m:\n    family: f  # why\n    quality:\n      t: {IT}\n\n# next\nb: 2\n",
        ),
        (
            "models:\n  m: {quality: {t: 0.5, u: 0.6}}\n",
            "models:\n  m: {quality: {t: {success: 0.91, cases: 1000}, u: 0.6}}\n",
        ),
        (
            "models:\n m:\n  quality:\n   t:\n    success: 0.5   # old\n    cases: 2\n",
            "models:\n m:\n  quality:\n   t:\n    success: 0.91   # old\n    cases: 1000\n",
        ),
    ],
)
def test_a_value_is_set_and_the_rest_stays(before: str, after: str) -> None:
    assert set_value(before, ("models", "m", "quality", "t"), QUALITY) == after


def test_odd_names_are_quoted() -> None:
    assert set_value("a: 1\n", ("no",), "x: y") == 'a: 1\n"no": "x: y"\n'


@pytest.mark.parametrize(
    "text",
    [
        "models:\n  n: &n {family: f}\n  m: *n\n",
        "models: [1]\n",
        "models: {m: 'a\n",
    ],
)
def test_what_cannot_be_placed_is_refused(text: str) -> None:
    assert isinstance(set_value(text, ("models", "m", "quality", "t"), QUALITY), CannotEdit)


def test_a_list_in_brackets_is_reordered() -> None:
    text = "tiers:\n  e: {deployments: [a, b, c], next: s} # three\n"
    assert move_before(text, ("tiers", "e", "deployments"), ["c"], "a") == text.replace(
        "[a, b, c]", "[c, a, b]"
    )


def test_lines_of_a_list_move_with_their_comments() -> None:
    text = "d:\n  - a   # dear\n  # a note\n  - b   # cheap\nx: 1\n"
    after = "d:\n  - b   # cheap\n  # a note\n  - a   # dear\nx: 1\n"
    assert move_before(text, ("d",), ["b"], "a") == after


def test_a_name_that_is_not_listed_is_added() -> None:
    assert move_before("d:\n- a\n", ("d",), ["new"], "a") == "d:\n- new\n- a\n"
    assert isinstance(move_before("d: [a]\n", ("d",), ["new"], "z"), CannotEdit)
