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
# # A first verdict
#
# Prices in, an answer out: would an LSTM, or a plain recurrent network, have told you when to buy and when to sell this stock?
# Everything is kept in a folder of its own here, so that the notebook touches nothing of yours.

# %%
from pathlib import Path
from tempfile import mkdtemp

import forecast as fc

folder = Path(mkdtemp())
workspace = fc.Workspace(data_dir=folder / "data", reports_dir=folder / "reports")

# %% [markdown]
# Prices come from the sample that ships with the package; `source="yahoo"` takes them from Yahoo Finance, and `fc.add_bars` from a
# DataFrame.

# %%
fc.fetch("AAPL", source="sample", workspace=workspace, progress=False)

# %% [markdown]
# Two networks, the same data, folds and seeds for both. Three folds and two seeds keep this page quick; the defaults are six and
# three.

# %%
experiment = fc.Experiment("AAPL", models=["simple_rnn", "lstm"], folds=3, seeds=2, epochs=10, window=20)
run = fc.train(experiment, workspace=workspace, progress=False)
run

# %% [markdown]
# The signals are traded on paper, with one basis point of fee and two of slippage on all that is bought or sold.

# %%
result = fc.backtest(
    run, fc.TradingConfig(policy="long-flat", costs=fc.Costs(fee_bps=1, slippage_bps=2)), workspace=workspace
)
result.verdict

# %% [markdown]
# Two questions. **Skill**: does the LSTM rank the next returns better? **Money**: does it earn more? Each has an interval and the
# smallest difference that this experiment would have found four times in five.

# %%
skill = result.verdict.skill
print(skill.answer, skill.interval, skill.minimum_detectable_effect)

# %%
result.performance

# %%
result.plot_growth()

# %% [markdown]
# What does it say about the newest close?

# %%
fc.signal(run, workspace=workspace, offline=True)
