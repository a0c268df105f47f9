"""Ranks and distances across symbols, by hand and against scipy; what closes later decides nothing."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from pipelines.errors import ConfigError
from pipelines.market.types import Bars
from pipelines.preprocessing import covariates, features
from pipelines.preprocessing.cross_section import SymbolValues, compare, parse, table_feature
from pipelines.sources.synthetic import random_walk

DAY = np.timedelta64(1, "D")
MONDAY = np.datetime64("2024-01-01T21:00", "ns")


def bars_of(values, *, hour=0, days=None, member=None):
    """A symbol's values on consecutive days, closed `hour` hours after 21:00."""
    number = np.arange(len(values)) if days is None else np.asarray(days)
    session = np.datetime64("2024-01-01") + number
    return SymbolValues(
        values=np.array(values, dtype=np.float64),
        closed_at=MONDAY + DAY * number + np.timedelta64(hour, "h"),
        session=session,
        member=np.ones(len(values), dtype=bool) if member is None else np.array(member),
    )


def ranks(symbols, name):
    return compare(symbols)[name]["rank"].tolist()


def distances(symbols, name):
    return compare(symbols)[name]["relative"].tolist()


def test_a_rank_is_the_share_of_the_others_that_lie_below_and_ties_count_half():
    symbols = {"A": bars_of([1.0, 5.0]), "B": bars_of([2.0, 5.0]), "C": bars_of([3.0, 7.0])}
    assert [ranks(symbols, name) for name in "ABC"] == [[0.0, 0.25], [0.5, 0.25], [1.0, 1.0]]
    assert distances(symbols, "C") == [1.0, 2.0]


def test_a_symbol_alone_is_in_the_middle():
    alone = {"A": bars_of([3.0, np.nan])}
    np.testing.assert_array_equal(ranks(alone, "A"), [0.5, np.nan])
    np.testing.assert_array_equal(distances(alone, "A"), [0.0, np.nan])


def test_a_symbol_counts_on_the_days_of_its_membership_and_is_compared_with_members_before():
    symbols = {"A": bars_of([1.0, 1.0]), "B": bars_of([2.0, 2.0]), "C": bars_of([9.0, 9.0], member=[False, True])}
    assert ranks(symbols, "C") == [1.0, 1.0]
    assert distances(symbols, "C") == [9.0 - 1.5, 9.0 - 2.0]
    assert ranks(symbols, "B") == [1.0, 0.5]  # above A alone on the first day
    nobody = {"A": bars_of([1.0], member=[False])}
    assert (ranks(nobody, "A"), distances(nobody, "A")) == ([0.5], [0.0])


def test_an_exchange_that_closes_later_decides_nothing_of_one_that_closed_before():
    symbols = {"TOKYO": bars_of([5.0, 5.0], hour=-15), "YORK": bars_of([1.0, 9.0])}
    assert ranks(symbols, "TOKYO") == [0.5, 0.5]
    assert ranks(symbols, "YORK") == [0.0, 1.0]
    assert distances(symbols, "YORK") == [-2.0, 2.0]


def test_a_day_without_a_bar_of_a_symbol_is_without_it():
    symbols = {"A": bars_of([1.0, 1.0, 1.0]), "B": bars_of([0.0, 0.0], days=[0, 2])}
    assert ranks(symbols, "A") == [1.0, 0.5, 1.0]


def test_moments_are_compared_block_by_block_with_the_same_result(monkeypatch):
    rng = np.random.default_rng(0)
    symbols = {str(number): bars_of(rng.integers(0, 4, 20).astype(float)) for number in range(5)}
    expected = ranks(symbols, "3")
    monkeypatch.setattr("pipelines.preprocessing.cross_section._BLOCK", 7)
    assert ranks(symbols, "3") == expected


@given(
    table=st.lists(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=4, max_size=4), min_size=1, max_size=6)
)
def test_ranks_and_distances_are_those_of_scipy_and_numpy(table):
    values = np.array([[np.nan if cell is None else float(cell) for cell in row] for row in table])
    compared = compare({str(column): bars_of(values[:, column]) for column in range(4)})
    for day, row in enumerate(values):
        present = ~np.isnan(row)
        count = int(present.sum())
        expected = np.full(4, np.nan)
        if count:
            expected[present] = (rankdata(row[present]) - 1.0) / (count - 1) if count > 1 else 0.5
        for column in range(4):
            np.testing.assert_allclose(compared[str(column)]["rank"][day], expected[column])
            distance = row[column] - np.median(row[present]) if present[column] else np.nan
            np.testing.assert_allclose(compared[str(column)]["relative"][day], distance)


def test_a_name_says_what_is_compared():
    assert parse("rank:return") == ("rank", "return")
    assert parse("relative:range") == ("relative", "range")
    assert parse("return") is None
    assert parse("mine:feature") is None
    assert table_feature("rank:return") == "return"
    features.check_names(("rank:return", "return", "mine:feature"))
    with pytest.raises(ConfigError, match="rank:nonsense"):
        features.check_names(("rank:nonsense",))


def test_ranks_need_a_panel():
    with pytest.raises(ConfigError, match="Expected the symbols of a panel for feature rank:return, got WALK alone"):
        features.compute(random_walk(bars=60, seed=0), names=("rank:return",))


def later(bars: Bars, hours: int) -> Bars:
    shift = np.timedelta64(hours, "h")
    return dataclasses.replace(bars, opened_at=bars.opened_at + shift, closed_at=bars.closed_at + shift)


def test_a_covariate_is_joined_as_of_the_close():
    bars = random_walk(bars=60, seed=0)
    spy = dataclasses.replace(random_walk(bars=60, seed=1), symbol="SPY")
    own = features.compute(spy, names=("return", "range"))
    joined = covariates.join(bars, spy, names=("return", "range"))
    assert list(joined) == ["SPY:return", "SPY:range"]
    np.testing.assert_array_equal(joined["SPY:return"], own[:, 0])
    a_day_old = covariates.join(bars, later(spy, 1), names=("return", "range"))
    assert np.isnan(a_day_old["SPY:range"][0])
    np.testing.assert_array_equal(a_day_old["SPY:range"][1:], own[:-1, 1])


def test_a_covariate_that_begins_after_the_end_is_refused():
    bars = random_walk(bars=60, seed=0)
    with pytest.raises(ConfigError, match=r"Expected bars of WALK up to .*, got none"):
        covariates.join(bars.rows(slice(0, 30)), bars.rows(slice(40, 60)), names=("return",))


def test_joined_columns_are_cut_with_their_bars_and_feature_matrices_take_them():
    bars = random_walk(bars=60, seed=0)
    bars = dataclasses.replace(bars, joined=covariates.join(bars, bars, names=("range",)))
    matrix = features.compute(bars.rows(slice(0, 20)), names=("return", "WALK:range"))
    np.testing.assert_array_equal(matrix[:, 1], features.trading_range(bars)[:20])
