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
# # A feature and a network of your own
#
# A feature is a function of the bars, one number a bar. It goes through the look-ahead audit before anything is trained: it is
# computed again on truncated histories, and one that changes is refused. It is code that runs with your rights.

# %%
import os
from pathlib import Path
from tempfile import mkdtemp

folder = Path(mkdtemp())
os.chdir(folder)
Path("mine.py").write_text('''
import numpy as np


def gap(bars):
    """Log of the open over the close before; known at the close of its bar."""
    return np.log(bars.open / np.append(np.nan, bars.close[:-1]))


def peek(bars):
    """Tomorrow's return: what nobody can know."""
    return np.append(np.diff(np.log(bars.close)), 0.0)
''')

# %%
import forecast as fc

workspace = fc.Workspace(data_dir=folder / "data", reports_dir=folder / "reports")
fc.fetch("AAPL", source="sample", workspace=workspace, progress=False)
quick = {"models": ["simple_rnn", "lstm"], "folds": 2, "seeds": 2, "epochs": 5, "window": 10}

# %%
run = fc.train(fc.Experiment("AAPL", features=["return", "mine:gap"], **quick), workspace=workspace, progress=False)
fc.backtest(run, workspace=workspace).verdict

# %% [markdown]
# The one that sees tomorrow is refused before anything is trained:

# %%
try:
    fc.train(fc.Experiment("AAPL", features=["return", "mine:peek"], **quick), workspace=workspace, progress=False)
except fc.ForecastError as error:
    print(error)

# %% [markdown]
# A network is a function of what the experiment asks for (steps, features, units) that returns a Keras model with one answer, a logit. It is
# built and counted before anything is trained, and then trained by the same loop, on the same folds, with the same seeds.

# %%
Path("parts.py").write_text('''
import keras


def attention(architecture):
    """Every bar looks at every other; their mean decides."""
    window = keras.Input((architecture.steps, architecture.features))
    bars = keras.layers.Dense(architecture.units)(window)
    bars = keras.layers.MultiHeadAttention(2, 8)(bars, bars)
    return keras.Model(window, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(bars)))
''')
experiment = fc.Experiment("AAPL", **{**quick, "models": ["lstm", "parts:attention"]})
result = fc.backtest(fc.train(experiment, workspace=workspace, progress=False), workspace=workspace)
result.verdict.comparisons.query("model == 'parts:attention'")[["question", "benchmark", "answer", "difference"]]
