"""A table that is too wide is wrapped, then loses columns in a stated order, then is stacked; nothing is ever cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.cli.tables import Column, fitted
from forecast.cli.text import display_width, wrapped

COLUMNS = [
    Column("symbol"), Column("signal"), Column("price", number=True), Column("why", wrap=True), Column("age", drop=1),
    Column("members", number=True, drop=2),
]  # fmt: skip
ROW = ["BRK-B", "BUY", "1 234.50", "three of three networks agree", "12 min", "0.501–0.623"]


def test_with_room_enough_it_is_a_row_a_line() -> None:
    assert fitted(COLUMNS, [ROW], width=120) == [
        "symbol  signal     price  why                            age         members",
        "BRK-B   BUY     1 234.50  three of three networks agree  12 min  0.501–0.623",
    ]


def test_texts_are_wrapped_at_words_before_anything_is_left_out() -> None:
    lines = fitted(COLUMNS, [ROW], width=60)
    assert lines[1:] == [
        "BRK-B   BUY     1 234.50  three of       12 min  0.501–0.623",
        "                          three",
        "                          networks",
        "                          agree",
    ]


def test_columns_are_left_out_in_their_order_and_said_to_be() -> None:
    lines = fitted(COLUMNS, [ROW], width=52)
    assert lines[0].split() == ["symbol", "signal", "price", "why", "members"]
    assert " ".join(lines[-2:]) == "Not enough room for age: a wider terminal or --json has all."
    assert fitted(COLUMNS, [ROW], width=41)[0].split() == ["symbol", "signal", "price", "why"]


def test_what_still_does_not_fit_is_stacked_with_all_columns() -> None:
    assert fitted(COLUMNS, [ROW], width=30) == [
        "BRK-B",
        "  signal   BUY",
        "  price    1 234.50",
        "  why      three of three",
        "           networks agree",
        "  age      12 min",
        "  members  0.501–0.623",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 120, None])
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), max_size=30)] * 6), max_size=4
    )
)
def test_no_letter_is_lost_and_no_line_that_can_be_broken_is_too_wide(width, rows) -> None:
    lines = fitted(COLUMNS, rows, width=width)
    letters = "".join(lines).replace(" ", "")
    for row in rows:
        for column, cell in zip(COLUMNS, row, strict=True):
            if not column.drop:
                assert all(word in letters for word in cell.split())
    for line in lines:
        assert width is None or display_width(line) <= width or " " not in line.strip()


def test_wide_letters_and_accents_are_measured_as_a_terminal_shows_them() -> None:
    assert display_width("東京") == 4
    assert display_width("e\u0301") == 1
    lines = fitted([Column("name"), Column("x")], [["東京", "1"], ["ab", "2"]], width=None)
    assert lines == ["name  x", "東京  1", "ab    2"]


def test_a_number_with_a_narrow_space_is_one_word() -> None:
    assert wrapped("paid 1\u202f234 shares", 8) == ["paid", "1\u202f234", "shares"]
