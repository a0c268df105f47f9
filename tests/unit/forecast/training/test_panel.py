"""What a panel is read from: symbols that cannot take part are named together, the others keep all of their history."""

import dataclasses

import numpy as np
import pytest

from forecast.config.experiment import Experiment
from forecast.training.panel import same_rows
from forecast.training.panel_prices import panel_notes, read_panel, truncated_in_first_test
from pipelines.errors import ConfigError
from pipelines.market.types import Actions
from pipelines.store.store import Store
from tests.helpers.panel_runs import panel_bars


def listed(symbol, *, bars, first="2010-01-01", **more):
    return dataclasses.replace(panel_bars(symbol, bars=bars, first=first), adjusted="raw", **more)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("panel") / "store")
    for bars in (
        listed("LONG", bars=600),
        listed("LATE", bars=350, first="2010-09-08"),
        listed("SHORT", bars=17, first="2011-08-07"),
        listed("GONE", bars=40, first="1990-01-01"),
        listed("OLD", bars=550, first="1988-01-04"),
        listed("EURO", bars=600, currency="EUR"),
        listed("TOKYO", bars=600, currency="", calendar="XTKS"),
        listed("YEN", bars=600, currency="JPY"),
    ):
        store.write(bars, Actions.none(bars.symbol))
    return store


def panel_of(*symbols, **more):
    return Experiment("P", panel=symbols, window=10, folds=3, seeds=1, **more)


def test_symbols_that_cannot_take_part_are_named_at_once_each_with_its_reason(store, tmp_path):
    experiment = panel_of("LONG", "LATE", "SHORT", "GONE", "NOPE")
    with pytest.raises(ConfigError) as refused:
        read_panel(experiment, store=store, folder=tmp_path, skip_unsuitable=False)
    line = str(refused.value)
    assert line.startswith("Expected symbols that can take part in the panel, got ")
    assert "NOPE (Expected a symbol in the store, got NOPE)" in line
    assert "Leave them out: --skip-unsuitable." in line
    prices, dataset = read_panel(experiment, store=store, folder=tmp_path, skip_unsuitable=True)
    assert set(prices.unsuitable) == {"SHORT", "GONE", "NOPE"}
    assert dataset.panel.symbols == prices.experiment.panel == ("LATE", "LONG")
    long, late = dataset.panel.part("LONG"), dataset.panel.part("LATE")
    assert len(long) == len(late) + 250  # what is listed late cuts nobody's history
    assert np.isin(late.decided_at, long.decided_at).all()


def test_a_symbol_that_ended_before_all_others_began_is_named_and_not_they(store, tmp_path):
    """Of OLD and one other the first fold learns from OLD alone: the other would have too few rows to be scaled on."""
    experiment = panel_of("LONG", "SHORT", "OLD")
    with pytest.raises(ConfigError) as refused:
        read_panel(experiment, store=store, folder=tmp_path, skip_unsuitable=False)
    reason = "its 550 bars of 1988-01-05 to 1989-07-07 share no day with the others, of 2010-01-02 to 2011-08-24"
    assert f"got 1 of 3 that cannot: OLD ({reason}). Leave them out" in str(refused.value)
    prices, _ = read_panel(panel_of("LONG", "EURO", "OLD"), store=store, folder=tmp_path, skip_unsuitable=True)
    assert set(prices.unsuitable) == {"OLD"}


def test_a_panel_of_which_one_symbol_is_left_is_one_line(store, tmp_path):
    with pytest.raises(ConfigError, match="Only 1 would be left: name others"):
        read_panel(panel_of("LONG", "SHORT"), store=store, folder=tmp_path, skip_unsuitable=True)


def test_several_currencies_are_said_and_returns_stay_in_their_own(store, tmp_path):
    prices, dataset = read_panel(panel_of("LONG", "EURO", "YEN"), store=store, folder=tmp_path, skip_unsuitable=False)
    notes = list(panel_notes(prices, dataset))
    assert any("more than one currency" in note and "EUR (1)" in note and "JPY (1)" in note for note in notes)
    assert any("survivorship bias" in note for note in notes)


def test_several_calendars_and_a_currency_that_is_not_known_are_said(store, tmp_path):
    prices, dataset = read_panel(panel_of("LONG", "EURO", "TOKYO"), store=store, folder=tmp_path, skip_unsuitable=False)
    currencies, calendars, _ = panel_notes(prices, dataset)
    assert "EUR (1), USD (1), unknown (1). Returns are each in their own currency." in currencies
    assert "24/7 (2), XTKS (1). Decisions stand in the order of their closes in real time." in calendars


def test_a_symbol_twice_or_days_that_overlap_are_one_line():
    with pytest.raises(ConfigError, match="2 symbols or more of a panel, each once, got LONG, LONG"):
        panel_of("LONG", "LONG")
    days = ("LATE,,", "LONG,2010-01-01,2011-01-01", "LONG,2010-06-01,2011-06-01")
    with pytest.raises(ConfigError, match="periods of membership of LONG that do not overlap"):
        panel_of("LONG", "LATE", membership=days)
    with pytest.raises(ConfigError, match="LONG to be a member from a day to a later one"):
        panel_of("LONG", "LATE", membership=("LATE,,", "LONG,2011-01-01,2010-01-01"))


def test_a_symbol_out_of_the_panel_decides_no_rank_of_it(store, tmp_path):
    """SHORT has too few bars: ranks are among those that take part."""
    experiment = panel_of("LONG", "LATE", "EURO", "SHORT", features=("return", "rank:range"))
    prices, _ = read_panel(experiment, store=store, folder=tmp_path, skip_unsuitable=True)
    rank = prices.bars["LONG"].joined["rank:range"]
    assert set(np.unique(rank[:250])) <= {0.0, 1.0}  # LONG and EURO, until LATE is listed
    assert set(np.unique(rank[260:])) <= {0.0, 0.5, 1.0}
    assert "SHORT" in prices.unsuitable


def test_what_a_panel_cut_off_in_its_first_test_tests_is_found_in_the_whole_one(store, tmp_path):
    prices, full = read_panel(
        panel_of("EURO", "LATE", "LONG"), store=store, folder=tmp_path / "whole", skip_unsuitable=False
    )
    past = truncated_in_first_test(full, prices, folder=tmp_path / "past")
    rows, past_rows = full.folds[0].test, past.folds[0].test
    common_rows = rows[same_rows(full, past)]
    assert len(common_rows) > 50
    assert full.symbols_of(common_rows).tolist() == past.symbols_of(past_rows).tolist()
    assert np.array_equal(full.windows.decided_at[common_rows], past.windows.decided_at[past_rows])
    assert set(same_rows(past, full)) == {-1, *range(len(past_rows))}  # later ones are not in the panel cut off
