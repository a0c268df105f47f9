"""Findings on stored trades, and that pieces give the same as the whole."""

import dataclasses

import numpy as np

from pipelines.cleaning import tick_checks
from pipelines.market.types import Ticks

OPEN = np.datetime64("2024-01-02T14:30", "ns")


def trades(minutes: list[float], price: list[float] | None = None) -> Ticks:
    time = OPEN + (np.array(minutes) * 60e9).astype("timedelta64[ns]")
    prices = np.full(len(minutes), 10.0) if price is None else np.array(price)
    return Ticks(symbol="X", time=time, price=prices, size=np.ones(len(minutes)), calendar="XNYS")


def findings(*chunks: Ticks) -> list[tuple[str, str, str]]:
    return [(finding.session, finding.kind, finding.size) for finding in tick_checks.check(chunks)[1]]


def test_a_pause_within_a_session_and_a_session_without_a_trade_are_found() -> None:
    two_days = 2 * 24 * 60
    ticks = trades([0, 1, 45, 46, two_days, two_days + 29])
    expected = [
        ("2024-01-02", "pause", "44 minutes from 14:31:00 UTC"),
        ("2024-01-03", "no trade", "whole session"),
    ]
    assert findings(ticks) == expected
    assert findings(ticks.rows(slice(0, 2)), ticks.rows(slice(2, None))) == expected
    assert tick_checks.check([ticks])[0] == 6


def test_a_price_far_from_the_trades_before_and_trades_without_a_quote_are_found() -> None:
    ticks = trades(list(np.arange(20) / 10), [10.0] * 15 + [12.0] + [10.0] * 4)
    assert findings(ticks) == [("2024-01-02", "price far off", "12")]
    bid = np.where(np.arange(20) < 2, np.nan, 9.9)
    assert findings(dataclasses.replace(ticks, bid=bid)) == [
        ("2024-01-02", "price far off", "12"),
        ("2024-01-02", "trades without a quote", "10.0%"),
    ]
