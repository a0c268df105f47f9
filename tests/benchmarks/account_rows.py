"""Row (h): from probabilities to accounts, without the statistics."""

import time

import numpy as np
import pandas as pd

from forecast.config.trading import Costs, TradingConfig
from forecast.trading.strategy import accounts
from tests.benchmarks.measure import middle, row

MODELS, SYMBOLS, BARS = 12, 10, 5_000


def portfolios(*, rounds: int) -> list[str]:
    """(h) 12 models x 10 symbols x 5,000 bars: members, signals, sizes, ledgers, processor seconds for all symbols."""
    lines = [row(f"(h) accounts of {MODELS} models x {SYMBOLS} symbols x {BARS:,} bars", "seconds")]
    for seeds in (1, 3):
        tables = [_symbol(number, seeds=seeds) for number in range(SYMBOLS)]
        for label, more in (("whole account", {}), ("by volatility, interest", {"sizing": "volatility"})):
            rules = TradingConfig(
                policy="long-short", threshold=0.01, costs=Costs(fee_bps=1, slippage_bps=2, borrow_rate=0.03), **more
            )
            seconds = [_once(tables, rules) for _ in range(rounds)]
            lines.append(row(f"{label}, {seeds} seed{'s' * (seeds > 1)} and their mean", f"{middle(seconds):.2f}"))
    return lines


def _once(tables: list[tuple[pd.DataFrame, pd.DataFrame]], rules: TradingConfig) -> float:
    began = time.process_time()
    for predictions, bars in tables:
        accounts(predictions, bars, rules=rules, bars_per_year=252.0)
    return time.process_time() - began


def _symbol(number: int, *, seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and bars of one made-up symbol, as a run's files give them."""
    rng = np.random.default_rng(number)
    opened = pd.date_range("2000-01-03", periods=BARS + 200, freq="D", tz="UTC")
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(opened))))
    columns = dict.fromkeys(("open", "high", "low", "close"), price)
    bars = pd.DataFrame({"opened_at": opened, "closed_at": opened + pd.Timedelta("6h"), **columns, "volume": 1.0})
    rows = np.arange(100, 100 + BARS)
    one = pd.DataFrame(
        {
            "symbol": f"S{number}",
            "fold": np.arange(BARS) * 6 // BARS,
            "decided_at": bars["closed_at"].to_numpy()[rows],
            "entry_at": bars["opened_at"].to_numpy()[rows + 1],
            "exit_at": bars["opened_at"].to_numpy()[rows + 2],
            "target": (price[rows + 2] > price[rows + 1]).astype(np.int8),
            "forward_return": price[rows + 2] / price[rows + 1] - 1.0,
        }
    )
    frames = [
        one.assign(model=f"model_{model}", seed=seed, probability=rng.random(BARS))
        for model in range(MODELS)
        for seed in range(seeds)
    ]
    return pd.concat(frames, ignore_index=True), bars
