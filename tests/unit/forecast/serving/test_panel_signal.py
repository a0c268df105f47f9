"""The ranking of a panel: which names decide at the newest close."""

import dataclasses

import numpy as np

from forecast.serving.panel_signal import newest_closes
from forecast.trading.panel_shares import account_shares
from tests.helpers.panel_runs import panel_bars


def test_the_newest_close_of_a_calendar_that_every_symbol_has_left_is_that_of_the_panel():
    """COIN alone has its calendar and ended 100 days before the others; SLOW is a day behind them, on its own one."""
    bars = {name: panel_bars(name, bars=300) for name in ("A", "COIN", "SLOW")}
    prices = {
        "A": dataclasses.replace(bars["A"], calendar="XNYS"),
        "COIN": bars["COIN"].rows(slice(0, 200)),
        "SLOW": dataclasses.replace(bars["SLOW"].rows(slice(0, 299)), calendar="XTKS"),
    }
    newest = newest_closes(prices)
    assert newest["A"] == newest["COIN"] == prices["A"].closed_at[-1]
    assert newest["SLOW"] == prices["SLOW"].closed_at[-1] == newest["A"] - np.timedelta64(1, "D")


def test_a_name_without_a_next_bar_keeps_its_part_for_a_fortnight_and_then_leaves_it_to_the_others():
    day = np.datetime64("2020-01-01", "ns") + np.timedelta64(1, "D") * np.arange(40)
    symbol = np.array(["A"] * 40 + ["GONE"] * 5, dtype=object)
    decided_at = np.concatenate([day, day[:5]])
    order = np.argsort(decided_at, kind="stable")
    parts = account_shares(symbol[order], decided_at[order], closes={"A": day, "GONE": day[:5]})
    part = dict(zip(decided_at[order][symbol[order] == "A"], parts[symbol[order] == "A"], strict=True))
    assert [part[day[place]] for place in (0, 4, 18, 19, 39)] == [0.5, 0.5, 0.5, 1.0, 1.0]
