"""Forecasting skill before any trading: how well a model's probabilities rank the returns that followed them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.trading.signals import ENSEMBLE, members
from pipelines.market.types import Floats

VOLATILITY_WINDOW = 20
"""Earlier returns that a realised return is measured against."""

Sessions = NDArray[np.datetime64]
Name = tuple[str, str]
"""Model and member."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SkillScores:
    """Daily rank information coefficients of every model, on the same days.

    days: session dates, shape (days,). ensembles: model -> shape (days,), of the mean probability over seeds. seeds:
    model -> shape (days, seeds), of single trainings. The mean over days is the model's rank information coefficient.
    copies: model and member of each training that forecasts what an earlier one does. Its column is left out of seeds,
    since a copy says nothing about what another training would forecast.
    """

    days: Sessions
    ensembles: Mapping[str, Floats]
    seeds: Mapping[str, Floats]
    copies: frozenset[Name] = frozenset()


def skill_scores(predictions: pd.DataFrame, *, sessions: Mapping[str, Sessions]) -> SkillScores:
    """Rank scores of each decision, averaged over the decisions of each session day.

    A decision's score is the product of two standardised ranks within its symbol and fold: of the probability, and of
    the next tradable return in units of the volatility that was known before it. Their mean over a fold is Spearman's
    rank correlation, the rank information coefficient. Ranks are taken within a fold because each fold has networks
    of its own, whose levels say nothing about another fold's. A constant forecast, as the base rate is, scores 0.

    predictions: a run's predictions.parquet, of one symbol or a panel. sessions: symbol -> the session date of each of
    its decisions, in order of time, datetime64[D].
    """
    columns: dict[Name, list[Floats]] = {}
    probabilities: dict[Name, list[Floats]] = {}
    dates: list[Sessions] = []
    for symbol, rows in predictions.groupby("symbol", sort=True):
        table = members(rows)
        outcome = scaled_returns(table.forward_return)
        for name, probability in zip(table.names, table.probability, strict=True):
            columns.setdefault(name, []).append(rank_scores(probability, outcome, groups=table.fold))
            probabilities.setdefault(name, []).append(probability)
        dates.append(sessions[str(symbol)])
    days, row = np.unique(np.concatenate(dates), return_inverse=True)
    count = np.bincount(row)
    daily = {
        name: np.bincount(row, weights=np.concatenate(parts)) / count
        for name, parts in columns.items()
        if sum(map(len, parts)) == len(row)  # a model that is missing for a symbol is on no common footing
    }
    return model_scores(days, daily, probability={name: np.concatenate(probabilities[name]) for name in daily})


def model_scores(days: Sessions, daily: Mapping[Name, Floats], *, probability: Mapping[Name, Floats]) -> SkillScores:
    """Scores by model, copies of a training left out of its seeds.

    daily: scores of each member, shape (days,). probability: its forecasts, shape (decisions,). Trainings that both
    forecast a constant in each fold agree without being copies.
    """
    ensembles = {model: daily[model, member] for model, member in daily if member == ENSEMBLE}
    seeds: dict[str, dict[Name, Floats]] = {model: {} for model in ensembles}
    copies = set()
    for name, scores in daily.items():
        model, member = name
        if member == ENSEMBLE:
            continue
        earlier = (np.array_equal(probability[name], probability[other]) for other in seeds[model])
        if np.any(scores) and any(earlier):
            copies.add(name)
        else:
            seeds[model][name] = scores
    return SkillScores(
        days=days,
        ensembles=ensembles,
        seeds={model: np.stack(list(columns.values()), 1) for model, columns in seeds.items()},
        copies=frozenset(copies),
    )


def rank_scores(forecast: Floats, outcome: Floats, *, groups: NDArray[np.int64]) -> Floats:
    """Products of standardised midranks within each group, shape (decisions,); 0 where one of the two is constant.

    forecast, outcome: shape (decisions,). groups: the fold of each decision. The mean over a group is Spearman's rank
    correlation (1904).
    """
    scores = np.zeros(len(forecast))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        scores[rows] = _standardised_ranks(forecast[rows]) * _standardised_ranks(outcome[rows])
    return scores


def scaled_returns(returns: Floats) -> Floats:
    """Returns in units of the root mean square of the 20 earlier ones, shape (decisions,)."""
    squares = np.concatenate([[0.0], np.cumsum(np.square(returns))])
    last = np.arange(len(returns))
    first = np.maximum(0, last - VOLATILITY_WINDOW)
    overall = squares[-1] / max(1, len(returns))
    mean = np.where(
        last - first == VOLATILITY_WINDOW, (squares[last] - squares[first]) / np.maximum(1, last - first), overall
    )
    floor = 0.01 * overall  # a stretch without any movement
    return returns / np.sqrt(np.maximum(mean, floor)) if overall > 0 else returns


def _standardised_ranks(values: Floats) -> Floats:
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    midranks = np.cumsum(ties) - (ties - 1) / 2.0  # scipy.stats.rankdata's; importing it takes a second
    ranks = midranks[place] - (len(values) + 1) / 2.0
    spread = float(np.sqrt(np.mean(np.square(ranks))))
    return np.asarray(ranks / spread) if spread > 0 else np.zeros(len(values))
