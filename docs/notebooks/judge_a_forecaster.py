# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is this forecaster better than nothing?
#
# Forecasts of any other program are judged like those of Forecast's own networks: the same fills, costs, benchmarks and verdict,
# and baselines trained walk-forward on the same rows. Here they come from a ridge regression written in a few lines; a foundation
# model or a table from a vendor would do as well.

# %%
from pathlib import Path
from tempfile import mkdtemp

import exchange_calendars
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

import forecast as fc

folder = Path(mkdtemp())
workspace = fc.Workspace(data_dir=folder / "data", reports_dir=folder / "reports")

# %% [markdown]
# Prices of one's own: any DataFrame with a date, open, high, low and close. This one is simulated, with a little reversal from day to
# day that can be forecast.

# %%
rng = np.random.default_rng(7)
days = exchange_calendars.get_calendar("XNYS", start="2004-01-05").sessions_in_range("2004-01-05", "2021-12-31")
noise = rng.normal(0, 0.01, len(days))
returns = noise - 0.12 * np.append(0.0, noise[:-1])
close = 50 * np.exp(np.cumsum(returns))
frame = pd.DataFrame({"open": close * np.exp(-returns), "close": close}, index=days)
frame["high"], frame["low"] = frame.max(axis=1) * 1.001, frame.min(axis=1) * 0.999
fc.add_bars("MADEUP", frame, currency="USD", workspace=workspace, progress=False)

# %% [markdown]
# The forecaster: each year a ridge regression of the next return on the last five, fitted on the years before. A row dated *t* is a
# forecast made at the close of *t*; it will be filled at the open of *t + 1*. Forecasts that are dated by the day they are
# about, as those of many libraries are, need `fc.JudgeConfig(dated_by="target")`.

# %%
past = pd.concat({lag: frame["close"].pct_change().shift(lag) for lag in range(5)}, axis=1).dropna()
target = (frame["open"].shift(-2) / frame["open"].shift(-1) - 1).reindex(past.index)
forecasts = []
for year in range(2012, 2022):
    trainable = ((past.index.year < year) & target.notna()).to_numpy(copy=True)
    trainable[np.flatnonzero(trainable)[-2:]] = False  # labels that are not known yet when the year begins
    model = Ridge().fit(past[trainable], target[trainable])
    rows = past[past.index.year == year]
    forecasts.append(pd.DataFrame({"date": rows.index, "score": model.predict(rows)}))
predictions = pd.concat(forecasts)
predictions.tail(3)

# %%
result = fc.judge(predictions, "MADEUP", workspace=workspace, progress=False)
result.verdict

# %% [markdown]
# Skill first, then money: this edge is real, and its verdict on money says whether it survives the costs of trading it.

# %%
result.verdict.comparisons[["question", "model", "benchmark", "answer", "difference", "low", "high"]]

# %%
result.plot_growth()
