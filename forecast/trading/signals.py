"""Probabilities -> buy, hold or sell -> positions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.errors import ConfigError, RunError
from pipelines.market.times import utc
from pipelines.market.types import Floats, Times

Signals = NDArray[np.str_]

ENSEMBLE = "ensemble"

POLICIES = {  # what a signal does to the position; hold keeps it
    "long-flat": {"buy": 1.0, "sell": 0.0},
    "long-short": {"buy": 1.0, "sell": -1.0},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class EnsemblePredictions:
    """Probabilities of a rise by every member of every model at the same decisions, in order of time.

    names: (model, member) of each row of probability, shape (members, decisions): every seed by its number, and the
    mean over them as ensemble. The other arrays have shape (decisions,).
    """

    symbol: str
    names: tuple[tuple[str, str], ...]
    probability: Floats
    fold: NDArray[np.int64]
    decided_at: Times
    entry_at: Times
    exit_at: Times
    target: Floats
    forward_return: Floats


def members(predictions: pd.DataFrame) -> EnsemblePredictions:
    """A run's predictions (or validation rows of one fold) as one table; the decisions of each seed in order of time.

    Decisions are told apart by their number, since bars of trades can open and close within one time stamp.

    Raises:
        RunError: members that did not decide at the same times, or several symbols.
    """
    model, models = pd.factorize(predictions["model"], sort=True)
    seed = predictions["seed"].to_numpy()
    symbols = predictions["symbol"].unique()
    key = model.astype(np.int64) * (int(seed.max(initial=0)) + 1) + seed
    order = np.argsort(key, kind="stable")
    groups, starts = np.unique(key[order], return_index=True)
    count = len(key) // max(1, len(groups))
    shared = {name: utc(predictions[name])[order] for name in ("decided_at", "entry_at", "exit_at")}
    if len(symbols) != 1 or not np.array_equal(starts, np.arange(len(groups)) * count) or not _alike(shared, count):
        raise RunError(
            "The members of a run did not decide at the same times. Train it again: forecast train SYMBOL --overwrite."
        )
    first = order[:count]
    table = predictions["probability"].to_numpy(np.float64)[order].reshape(len(groups), count)
    of, number = model[order][starts], seed[order][starts]
    rows: dict[tuple[str, str], Floats] = {}
    for place, name in enumerate(models):
        of_model = of == place
        by_member = {
            (str(name), str(member)): row for member, row in zip(number[of_model], table[of_model], strict=True)
        }
        by_member[str(name), ENSEMBLE] = table[of_model].mean(axis=0)
        rows |= {key: by_member[key] for key in sorted(by_member)}
    return EnsemblePredictions(
        symbol=str(symbols[0]),
        names=tuple(rows),
        probability=np.stack(list(rows.values())),
        fold=predictions["fold"].to_numpy(np.int64)[first],
        **{name: column[:count] for name, column in shared.items()},
        target=predictions["target"].to_numpy(np.float64)[first],
        forward_return=predictions["forward_return"].to_numpy(np.float64)[first],
    )


def _alike(shared: Mapping[str, Times], count: int) -> bool:
    """Whether every group of count rows has the same times."""
    return all(bool(np.all(column.reshape(-1, count) == column[:count])) for column in shared.values())


def decide(probability: Floats, *, band: float | Floats) -> Signals:
    """buy above 0.5 + band, sell below 0.5 - band, hold in between; same shape. band: one, or one a decision.

    Raises:
        ConfigError: a band outside [0, 0.5).
    """
    if not np.all((np.asarray(band) >= 0) & (np.asarray(band) < 0.5)):
        raise ConfigError(f"Expected a band of at least 0 and below 0.5, got {np.max(band):g}.")
    chosen = np.where(probability > 0.5 + band, "buy", np.where(probability < 0.5 - band, "sell", "hold"))
    return chosen.astype(np.str_)


def positions(signals: Signals, *, policy: str, size: Floats | float = 1.0) -> Floats:
    """The position after each signal, flat at first; decisions along the last axis, same shape.

    size: of the position that a buy or a sell takes, one or one a decision; a hold keeps what there is.

    >>> positions(np.array(["hold", "buy", "hold", "sell", "hold"]), policy="long-short")
    array([ 0.,  1.,  1., -1., -1.])
    """
    if policy not in POLICIES:
        raise ConfigError(
            f"Expected policy {' or '.join(POLICIES)} for one symbol, got {policy!r:.80}: ranks need a panel."
        )
    decided, target = signals != "hold", np.zeros(signals.shape)
    for signal, position in POLICIES[policy].items():
        target[signals == signal] = position
    target *= size
    last = np.maximum.accumulate(np.where(decided, np.arange(signals.shape[-1]), -1), axis=-1)
    return np.where(last >= 0, np.take_along_axis(target, np.maximum(last, 0), axis=-1), 0.0)
