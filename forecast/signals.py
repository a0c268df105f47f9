"""Probabilities -> buy, hold or sell -> positions."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.market import Floats

Signals = NDArray[np.str_]

ENSEMBLE = "ensemble"

POLICIES = {  # what a signal does to the position; hold keeps it
    "long-flat": {"buy": 1.0, "sell": 0.0},
    "long-short": {"buy": 1.0, "sell": -1.0},
}


def members(predictions: pd.DataFrame) -> pd.DataFrame:
    """Probability per symbol, model, member and decision: every seed by its number, and the mean over them as ensemble.

    predictions: columns symbol, model, seed, decided_at, entry_at, probability; the decisions of each seed in order of
    time. Decisions are told apart by their number, since bars of trades can open and close within one time stamp.
    Returns symbol, model, member, decision, decided_at, entry_at, probability, in order within each member.
    """
    seeds = predictions.assign(
        member=predictions["seed"].astype(str),
        decision=predictions.groupby(["symbol", "model", "seed"], sort=False).cumcount(),
    )
    key = ["symbol", "model", "decision", "decided_at", "entry_at"]
    mean = seeds.groupby(key, as_index=False, sort=False)["probability"].mean().assign(member=ENSEMBLE)
    columns = ["symbol", "model", "member", "decision", "decided_at", "entry_at", "probability"]
    both = pd.concat([mean[columns], seeds[columns]], ignore_index=True)
    ordered: pd.DataFrame = both.sort_values(["symbol", "model", "member", "decision"], ignore_index=True)
    return ordered


def decide(probability: Floats, *, band: float) -> Signals:
    """buy above 0.5 + band, sell below 0.5 - band, hold in between; same shape.

    Raises:
        ConfigError: a band outside [0, 0.5).
    """
    if not 0 <= band < 0.5:
        raise ConfigError(f"Need a band of at least 0 and below 0.5, got {band:g}.")
    chosen = np.where(probability > 0.5 + band, "buy", np.where(probability < 0.5 - band, "sell", "hold"))
    return chosen.astype(np.str_)


def positions(signals: Signals, *, policy: str) -> Floats:
    """The position after each signal, flat at first, shape (signals,).

    >>> positions(np.array(["hold", "buy", "hold", "sell", "hold"]), policy="long-short")
    array([ 0.,  1.,  1., -1., -1.])
    """
    if policy not in POLICIES:
        raise ConfigError(f"Need a policy out of {', '.join(POLICIES)}, got {policy!r}.")
    wanted = np.full(len(signals), np.nan)
    for signal, position in POLICIES[policy].items():
        wanted[signals == signal] = position
    decided = np.where(np.isnan(wanted), -1, np.arange(len(signals)))
    last = np.maximum.accumulate(decided)
    return np.where(last >= 0, wanted[np.maximum(last, 0)], 0.0)
