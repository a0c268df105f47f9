"""A market, forecasts of it in the shapes of other programs, and a run that judges them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.config.experiment import Experiment
from forecast.config.judging import JudgeConfig
from forecast.datasets.dataset import Source
from forecast.evaluation.judging.foreign_forecasts import recognise
from forecast.evaluation.judging.judged_run import judge
from forecast.runs.run import Run
from pipelines.market import calendars
from pipelines.market.types import Actions, Bars


def market(bars: int = 400, *, symbol: str = "XYZ", seed: int = 0, calendar: str = "XNYS", minutes: int = 0) -> Source:
    """A random walk: daily bars, or bars of so many minutes of a market that never closes."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opens = np.append(100.0, close[:-1]) * np.exp(rng.normal(0, 0.002, bars))
    if minutes:
        opened = np.datetime64("2024-01-01", "ns") + np.arange(bars) * np.timedelta64(minutes, "m")
        closed, calendar = opened + np.timedelta64(minutes, "m"), "24/7"
    else:
        days = calendars.sessions_between("2010-01-04", np.datetime64("2010-01-04") + 2 * bars + 20, calendar)[:bars]
        opened, closed = calendars.daily_times(days, calendar)
    raw = Bars(
        symbol=symbol, interval=f"{minutes}m" if minutes else "1d", opened_at=opened, closed_at=closed, open=opens,
        high=np.maximum(opens, close) * 1.001, low=np.minimum(opens, close) * 0.999, close=close,
        volume=np.full(bars, 1000.0), currency="USD", calendar=calendar,
    )  # fmt: skip
    return Source(raw=raw, actions=Actions.none(symbol))


def days_of(source: Source, first: int, last: int) -> pd.DatetimeIndex:
    """The sessions of bars first to last, both included, as another program dates them: midnights without a zone."""
    return pd.DatetimeIndex(source.raw.closed_at[first : last + 1]).normalize()


def probabilities(
    source: Source, *, first: int = 150, last: int = 390, edge: float = 0.0, seed: int = 1
) -> pd.DataFrame:
    """A date and a probability a row. edge: how much of the next return from open to open they know."""
    rng = np.random.default_rng(seed)
    opens, bar = source.raw.open, np.arange(first, last + 1)
    ahead = np.append(opens, [opens[-1]] * 2)
    forward = ahead[bar + 2] / ahead[bar + 1] - 1.0
    odds = edge * forward / 0.01 + rng.normal(0, 0.3, len(bar))
    return pd.DataFrame({"date": days_of(source, first, last), "probability": 1.0 / (1.0 + np.exp(-odds))})


def judged(
    frame: pd.DataFrame, source: Source, folder: Path, *, validation: pd.DataFrame | None = None, **more: Any
) -> Run:
    """The run that judges a frame. more: settings of the experiment and of how the frame is read."""
    ours = {name: more.pop(name) for name in list(more) if name in JudgeConfig.__dataclass_fields__}
    config = JudgeConfig(**ours)
    settings = {"window": 10, "baselines": ("previous_sign", "logistic"), "interval": source.raw.interval, **more}
    return judge(
        recognise(frame, config=config), source=source, config=config, folder=folder, command="", origin={},
        experiment=Experiment(source.raw.symbol, **settings),
        validation=None if validation is None else recognise(validation, config=config),
    )  # fmt: skip
