"""Small bars and actions for tests, and hypothesis strategies that make many of them."""

import numpy as np
from hypothesis import strategies as st

from pipelines.market import calendars
from pipelines.market.types import Actions, Bars


def daily_bars(close: list[float], *, symbol: str = "XYZ", first: str = "2024-01-02", volume: float = 100) -> Bars:
    """Daily XNYS bars with the given closes, low 10 % below and high 10 % above, open at the close."""
    days = calendars.sessions_between(first, np.datetime64(first, "D") + 2 * len(close) + 10, "XNYS")[: len(close)]
    opened, closed = calendars.daily_times(days, "XNYS")
    prices = np.array(close, float)
    return Bars(
        symbol=symbol,
        interval="1d",
        opened_at=opened,
        closed_at=closed,
        open=prices,
        high=prices * 1.1,
        low=prices * 0.9,
        close=prices,
        volume=np.full(len(prices), volume),
        currency="USD",
        calendar="XNYS",
    )


def flat_bars(close: list[float], **columns: list[float]) -> Bars:
    """Daily bars from 2020-01-01 on; every price is the close unless a column is given."""
    days = np.datetime64("2020-01-01", "ns") + np.arange(len(close)) * np.timedelta64(24, "h")
    values = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": [1.0] * len(close)} | columns
    return Bars(symbol="X", interval="1d", opened_at=days, closed_at=days + np.timedelta64(1, "h"), **values)


def actions(bars: Bars, rows: dict[int, tuple[float, float]]) -> Actions:
    """Actions at the opens of the given rows: row -> (dividend, split)."""
    chosen = sorted(rows)
    return Actions(
        symbol=bars.symbol,
        ex_at=bars.opened_at[chosen],
        dividend=np.array([rows[row][0] for row in chosen], float),
        split=np.array([rows[row][1] for row in chosen], float),
    )


@st.composite
def bars_and_actions(draw: st.DrawFn) -> tuple[Bars, Actions]:
    closes = draw(st.lists(st.floats(5, 500), min_size=2, max_size=40))
    bars = daily_bars(closes)
    dividend = st.floats(0, 0.9)
    split = st.sampled_from([0.5, 1.0, 1.5, 2.0, 7.0])
    rows = draw(st.dictionaries(st.integers(0, len(bars) - 1), st.tuples(dividend, split), max_size=6))
    return bars, actions(bars, {row: (d * 0.5, s) for row, (d, s) in rows.items()})
