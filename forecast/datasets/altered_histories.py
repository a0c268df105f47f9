"""A symbol's source as it stood at a moment, or with another future behind it."""

from dataclasses import replace

import numpy as np

from forecast.datasets.dataset import Source
from forecast.datasets.tick_history import TickHistory
from pipelines.market.types import Actions, Ticks

PRICES = ("open", "high", "low", "close", "volume")


def truncated(source: Source, cutoff: np.datetime64) -> Source:
    """The source as it stood at the cut, its covariates too."""
    source = replace(
        source, covariates={name: truncated(covariate, cutoff) for name, covariate in source.covariates.items()}
    )
    raw, actions = source.raw, source.actions
    if isinstance(raw, TickHistory):
        return replace(source, raw=raw.truncated(cutoff))
    past = (raw.time if isinstance(raw, Ticks) else raw.closed_at) <= cutoff
    return replace(source, raw=raw.rows(past), actions=_cut_actions(actions, cutoff, keep_later=False))


def scrambled(source: Source, cutoff: np.datetime64, *, rng: np.random.Generator) -> Source:
    """The source with another future: prices walk off at random, volumes are shuffled, dividends and splits change."""
    others = {name: scrambled(covariate, cutoff, rng=rng) for name, covariate in source.covariates.items()}
    source = replace(source, covariates=others)
    raw, actions = source.raw, source.actions
    if isinstance(raw, TickHistory):
        return replace(source, raw=raw.scrambled(cutoff, seed=int(rng.integers(1 << 32))))
    later = (raw.time if isinstance(raw, Ticks) else raw.closed_at) > cutoff
    count = int(later.sum())
    drift = np.exp(np.cumsum(rng.normal(0, 0.05, count)))
    if isinstance(raw, Ticks):
        price, size = raw.price.copy(), raw.size.copy()
        price[later] *= drift
        size[later] = rng.permutation(size[later]) + 1
        return replace(source, raw=replace(raw, price=price, size=size))
    columns = {name: getattr(raw, name).copy() for name in PRICES}
    for name in ("open", "high", "low", "close"):
        columns[name][later] *= drift
    columns["volume"][later] = rng.permutation(columns["volume"][later]) * 3 + 1
    return replace(source, raw=replace(raw, **columns), actions=_cut_actions(actions, cutoff, keep_later=True))


def _cut_actions(actions: Actions, cutoff: np.datetime64, *, keep_later: bool) -> Actions:
    """Without the actions after the cut, or with other ones in their place."""
    past = actions.ex_at <= cutoff
    if not keep_later:
        return replace(actions, ex_at=actions.ex_at[past], dividend=actions.dividend[past], split=actions.split[past])
    return replace(
        actions,
        dividend=np.where(past, actions.dividend, 0.0),
        split=np.where(past, actions.split, actions.split * 3.0),
    )
