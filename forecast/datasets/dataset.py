"""From the store to what a run trains on: bars adjusted forward, windows, folds, and one scaler a fold."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forecast.config import model_registry
from forecast.config.experiment import Experiment
from forecast.config.universe import periods_of
from forecast.datasets.tick_history import TickHistory
from pipelines.bars import aggregation
from pipelines.errors import ConfigError, TooFewBarsError
from pipelines.market import adjustments
from pipelines.market.calendars import session_of, sessions_between, sessions_per_year
from pipelines.market.types import Actions, Bars, Floats, Ticks
from pipelines.preprocessing import (
    combinatorial_cv,
    covariates,
    cross_section,
    features,
    labels,
    sample_weights,
    scaling,
    walk_forward,
    windows,
)
from pipelines.preprocessing.cross_section import Dates, SymbolValues
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.walk_forward import Fold
from pipelines.preprocessing.windows import Rows, Windows
from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Everything that the members of a run share; scalers: one a fold, fitted on its training rows."""

    bars: Bars
    windows: Windows
    folds: tuple[Fold, ...]
    scalers: tuple[Scaler, ...]

    def symbols_of(self, rows: Rows) -> NDArray[np.object_]:
        """The symbol of each of these windows: one for all."""
        return np.full(len(rows), self.bars.symbol, dtype=object)

    def describe_scaler(self, number: int) -> dict[str, Any]:
        """A fold's scaler, JSON-ready."""
        return self.scalers[number].to_json()


class MemberRows(Protocol):
    """What a member's predictions are written from: one symbol's dataset, or a panel's."""

    @property
    def windows(self) -> Windows:
        """The windows that rows number."""

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The folds."""

    def symbols_of(self, rows: Rows) -> NDArray[np.object_]:
        """The symbol of each of these windows."""

    def describe_scaler(self, number: int) -> dict[str, Any]:
        """What a fold's values were scaled by, JSON-ready."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """What the store holds of a symbol, before anything is made of it: raw bars or ticks, and the actions.

    covariates: the same of other symbols whose features are joined. across: of a panel's symbol, its bars with its
    features across the panel, which no cut of its own history changes (forecast.datasets.panel_audit cuts all).
    """

    raw: Bars | Ticks | TickHistory
    actions: Actions
    covariates: Mapping[str, "Source"] = field(default_factory=dict)
    across: Bars | None = None


def load(store: Store, experiment: Experiment, *, covariates: Mapping[str, Source] | None = None) -> Source:
    """The raw prices that an experiment is about. covariates: those of its covariates, where they are read already."""
    alone = _load(store, experiment, experiment.symbol)
    return replace(alone, covariates=load_covariates(store, experiment) if covariates is None else covariates)


def load_covariates(store: Store, experiment: Experiment) -> dict[str, Source]:
    """The raw prices of an experiment's covariates."""
    return {symbol: _load(store, experiment, symbol) for symbol in experiment.covariates}


def _load(store: Store, experiment: Experiment, symbol: str) -> Source:
    if experiment.bars is not None:
        chunks = partial(store.scan_matched, symbol, start=experiment.start, end=experiment.end)
        next(chunks())  # a symbol without ticks is said at once
        return Source(raw=TickHistory(symbol=symbol, chunks=chunks), actions=Actions.none(symbol))
    raw = store.read_bars(symbol, interval=experiment.interval, start=experiment.start, end=experiment.end)
    return Source(raw=raw, actions=store.read_actions(symbol))


def make_bars(source: Source, experiment: Experiment) -> Bars:
    """The experiment's bars, adjusted forward from the first, or built from ticks, with what is joined from others.

    Forward, because a dividend or split that comes later then changes no number of an earlier bar.
    """
    prices = bars_alone(source, experiment)
    joined: dict[str, Floats] = {}
    for covariate in source.covariates.values():
        other = bars_alone(covariate, experiment)
        joined |= covariates.join(prices, other, names=experiment.covariate_features)
    joined |= _across(prices, source.across)
    return replace(prices, joined=joined) if joined else prices


def _across(prices: Bars, across: Bars | None) -> dict[str, Floats]:
    """A symbol's features across its panel as of each close, by name. across: the bars that have them."""
    if across is None:
        return {}
    place = np.searchsorted(across.closed_at, prices.closed_at, side="right") - 1
    return {name: column[place] for name, column in across.joined.items() if cross_section.parse(name)}


def compared_features(experiment: Experiment) -> tuple[str, ...]:
    """The features whose cross-sections an experiment needs."""
    return tuple(dict.fromkeys(parsed[1] for name in experiment.features if (parsed := cross_section.parse(name))))


def with_cross_sections(prices: Mapping[str, Bars], experiment: Experiment) -> dict[str, Bars]:
    """The bars of all symbols of a panel with their features across it."""
    compared = compared_features(experiment)
    if not compared:
        return dict(prices)
    joined: dict[str, dict[str, Floats]] = {symbol: dict(bars.joined) for symbol, bars in prices.items()}
    sessions = {symbol: session_of(bars.closed_at, bars.calendar) for symbol, bars in prices.items()}
    for feature in compared:
        values = {
            symbol: SymbolValues(
                values=features.compute(bars, names=[feature])[:, 0],
                closed_at=bars.closed_at,
                session=sessions[symbol],
                member=members(sessions[symbol], experiment.membership, symbol),
            )
            for symbol, bars in prices.items()
        }
        for symbol, columns in cross_section.compare(values).items():
            named = {f"{kind}:{feature}": column for kind, column in columns.items()}
            joined[symbol] |= {name: column for name, column in named.items() if name in experiment.features}
    return {symbol: replace(bars, joined=joined[symbol]) for symbol, bars in prices.items()}


def bars_alone(source: Source, experiment: Experiment) -> Bars:
    """The bars without what is joined from other symbols."""
    if isinstance(source.raw, TickHistory):
        return source.raw.bars(str(experiment.bars))
    if isinstance(source.raw, Ticks):
        return aggregation.from_ticks(source.raw, str(experiment.bars))
    return adjustments.adjust(source.raw, source.actions, base="forward")


def with_features(experiment: Experiment, prices: Bars) -> Experiment:
    """The experiment with the features of its bars where it names none."""
    return experiment if experiment.features else replace(experiment, features=features.default_features(prices))


def common_features(prices: Sequence[Bars]) -> tuple[str, ...]:
    """The features that the bars of all symbols of a panel have columns for."""
    defaults = [features.default_features(bars) for bars in prices]
    return tuple(name for name in defaults[0] if all(name in names for names in defaults))


def price_scale(source: Source, bars: Bars) -> float:
    """What an adjusted price has to be multiplied by so that the last one is as traded."""
    return float(source.raw.close[-1] / bars.close[-1]) if isinstance(source.raw, Bars) else 1.0


def prepare(prices: Bars, experiment: Experiment, *, planned: int | None = None) -> Dataset:
    """Windows, folds and scalers of an experiment.

    planned: lays the folds out for so many windows, where only the first of them are there yet (the certificate).

    Raises:
        TooFewBarsError: too little history for the windows and folds.
    """
    built = make_windows(prices, experiment)
    folds = tuple(
        sample_weights.weigh(built, fold, kind=experiment.weights)
        for fold in _folds(built, experiment, planned=planned)
    )
    scalers = tuple(scaling.fit_scaler(built, rows=fold.train) for fold in folds)
    return Dataset(bars=prices, windows=built, folds=folds, scalers=scalers)


def _folds(built: Windows, experiment: Experiment, *, planned: int | None) -> list[Fold]:
    if experiment.combinatorial:
        return combinatorial_cv.combinatorial(
            built, groups=experiment.groups, tested=experiment.test_groups, embargo=experiment.embargo
        )
    return walk_forward_folds(built, experiment, planned=planned)


def walk_forward_folds(built: Windows, experiment: Experiment, *, planned: int | None = None) -> list[Fold]:
    """The experiment's folds: so many, or of the lengths that it names. planned: as walk_forward takes it.

    Lengths lay the blocks out from the first window on, so that those of a shorter history are the same.
    """
    if experiment.train_length is not None and experiment.test_length is not None:
        return walk_forward.by_length(
            built,
            train=experiment.train_length,
            test=experiment.test_length,
            embargo=experiment.embargo,
            validation=experiment.validation_share,
        )
    return walk_forward.walk_forward(
        built,
        folds=experiment.folds,
        split=experiment.split,
        embargo=experiment.embargo,
        planned=planned,
        validation=experiment.validation_share,
    )


def make_windows(prices: Bars, experiment: Experiment) -> Windows:
    """The experiment's features and labels as windows.

    Raises:
        TooFewBarsError: too little history for one window.
    """
    matrix = features.compute(prices, names=with_features(experiment, prices).columns)
    return label_windows(prices, matrix, experiment)


def label_windows(prices: Bars, matrix: Floats, experiment: Experiment) -> Windows:
    """The windows of features that are there, with the experiment's labels. matrix: shape (bars, features).

    Raises:
        TooFewBarsError: too little history for one window.
    """
    labelled = labels.make(
        prices,
        kind=experiment.label,
        horizon=experiment.horizon,
        cost_bps=experiment.label_cost_bps,
        barrier_width=experiment.barrier_width,
        overnight=experiment.overnight,
    )
    if np.any(labelled.held == 0) and (paths := [model for model in experiment.models if model_registry.path(model)]):
        raise ConfigError(
            f"Expected overnight hold for {paths[0]} on {prices.interval} bars, got {experiment.overnight}: it "
            "forecasts the path of the next bars, across the end of a session."
        )
    built = windows.build(matrix, labelled, steps=experiment.window, opens=prices.open)
    return _of_members(built, prices, experiment) if experiment.membership else built


def _of_members(built: Windows, prices: Bars, experiment: Experiment) -> Windows:
    """Those decided on a day on which the symbol is a member.

    Raises:
        TooFewBarsError: it never is.
    """
    member = members(session_of(built.decided_at, prices.calendar), experiment.membership, prices.symbol)
    if not member.any():
        raise TooFewBarsError(f"{prices.symbol}: no bar with a whole window on a day of its membership.")
    return built.rows(member)


def members(days: Dates, membership: Sequence[str], symbol: str) -> NDArray[np.bool_]:
    """Whether a symbol is a member in each of these sessions, shape (days,): always where no days are given."""
    inside = np.full(len(days), not membership)
    for first, last in periods_of(membership, symbol) if membership else ():
        begun = np.True_ if first is None else days >= np.datetime64(first)
        inside |= begun & (np.True_ if last is None else days <= np.datetime64(last))
    return inside


def prepare_newest(prices: Bars, experiment: Experiment) -> Dataset:
    """The same with one fold, tested on the newest bar alone: it learns from every label that is known at its close.

    Raises:
        TooFewBarsError: too little history for it.
    """
    built = make_windows(with_room(prices, bars=1 + experiment.horizon), experiment)
    fold = sample_weights.weigh(
        built, walk_forward.newest(built, split=experiment.split, embargo=experiment.embargo), kind=experiment.weights
    )
    return Dataset(bars=prices, windows=built, folds=(fold,), scalers=(scaling.fit_scaler(built, rows=fold.train),))


def with_room(prices: Bars, *, bars: int) -> Bars:
    """With so many bars without time or change after the last one: its window is built before its label is known."""
    last = prices.rows(slice(len(prices) - 1, None))
    flat = replace(last, opened_at=last.closed_at, open=last.close, high=last.close, low=last.close)
    arrays = [column.name for column in fields(Bars) if isinstance(getattr(prices, column.name), np.ndarray)]
    parts = [prices, *[flat] * bars]
    longer: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    joined = {name: np.append(column, column[-1:].repeat(bars)) for name, column in prices.joined.items()}
    return replace(prices, **longer, joined=joined)


def bars_per_year(prices: Bars) -> float:
    """Sessions a year of the exchange x bars a session, over all sessions from the first to the last."""
    first, last = session_of(prices.closed_at[[0, -1]], prices.calendar)
    sessions = len(sessions_between(first, last, prices.calendar))
    return sessions_per_year(prices.calendar) * len(prices) / max(1, sessions)


def fingerprint(prices: Bars) -> str:
    """sha256 over times, prices and volumes, what bars of ticks have beside them, and what is joined."""
    digest = hashlib.sha256(f"{prices.symbol} {prices.interval} {prices.adjusted}".encode())
    of_ticks = (prices.vwap, prices.trades, prices.signed_volume, prices.bid, prices.ask, prices.spread)
    for array in (
        prices.opened_at,
        prices.closed_at,
        prices.open,
        prices.high,
        prices.low,
        prices.close,
        prices.volume,
        *(array for array in (*of_ticks, prices.depth_imbalance, prices.order_flow) if array is not None),
        *prices.joined.values(),
    ):
        digest.update(array.tobytes())
    return digest.hexdigest()
