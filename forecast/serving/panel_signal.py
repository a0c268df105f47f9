"""Today's ranking of a panel: every symbol's newest window through the members of the last fold, and what to trade."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.compute import backend
from forecast.compute.network_process import PredictionLibrary
from forecast.config.experiment import Experiment
from forecast.config.trading import AUTO, TradingConfig
from forecast.datasets.dataset import Source, make_bars, with_cross_sections, with_room
from forecast.evaluation.panel.calibration import calibration_maps, recalibrated, validation_rows
from forecast.evaluation.panel.rows import PanelRows, panel_rows
from forecast.evaluation.panel.shares import PanelAllocator, Thresholds, check_rules, market_states
from forecast.evaluation.panel.thresholds import chosen_thresholds
from forecast.runs import tables
from forecast.runs.integrity import open_trained
from forecast.runs.run import Run
from forecast.serving.loader import (
    covariates_now,
    last_fold,
    late_covariates,
    open_experiment,
    source_now,
    source_since,
)
from forecast.serving.panel_decisions import DecisionRows, decision_rows_of, fresh_predictions, member_groups
from forecast.serving.signal import SETTLED
from forecast.trading.panel_shares import LONGEST_PAUSE, rows_by_symbol
from forecast.trading.signals import ENSEMBLE
from pipelines.errors import ForecastError, RunError
from pipelines.market import calendars
from pipelines.market.times import utc
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store


@dataclass(frozen=True, kw_only=True)
class RankedName:
    """One symbol. rank: 1 is the highest probability. before, share: parts of the account until and from the next open.

    action: buy where the side changes upwards, sell where it changes downwards, keep where it stays, else none.
    """

    rank: int
    symbol: str
    probability: float
    before: float
    share: float
    action: str


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A symbol's newest close, as traded. closed_at: UTC."""

    closed_at: np.datetime64
    price: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class PanelSignal:
    """The rankings of a panel's networks at the newest close.

    networks: model -> its names, highest probability first. leaving: model -> symbols that decide no more (their
    membership has ended) and are sold at the next open, with the share of the account until then. absent: symbols that
    are not ranked, with the reason. quotes: of each symbol that has a bar at the newest close of its calendar.
    """

    run: str
    symbol: str
    decided_at: np.datetime64
    calendar: str
    rules: TradingConfig
    networks: Mapping[str, tuple[RankedName, ...]]
    absent: Mapping[str, str]
    leaving: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def stale(self, now: np.datetime64) -> bool:
        """Whether the newest bar is of an earlier session than the last one that had closed half an hour ago."""
        session = calendars.session_of(np.array([self.decided_at]), self.calendar)[0]
        return bool(session < calendars.last_closed(self.calendar, now=now - SETTLED))


@dataclass(frozen=True, kw_only=True, eq=False)
class LivePanel:
    """What a panel answers now. prices: of each symbol that the store has, adjusted as the run's."""

    run: Run
    experiment: Experiment
    forecast: PanelSignal
    prices: Mapping[str, Bars]


def panel_signal(
    run: Run,
    store: Store,
    *,
    rules: TradingConfig,
    until: np.datetime64 | None = None,
    refit: Callable[[Mapping[str, Bars]], Mapping[str, Mapping[str, Floats]]] | None = None,
) -> LivePanel:
    """What the rules hold of each symbol from the next open on, replayed from the run's first decision.

    Decisions that the run has made are taken from it, so a ranking of one of its own days is the backtest's to the last
    digit. until: look at bars up to then only, as if the others had not come yet. refit: from the bars of the symbols
    to each network's probabilities at the newest close by symbol, shape (seeds,), where other members are to be asked.

    Raises:
        RunError: networks that no longer give the probabilities that the run has stored, or no bar that is newer.
        ConfigError: rules that a panel cannot follow.
    """
    opened = open_trained(run)
    described, experiment = opened.described, opened.ongoing
    predictions = run.predictions()
    check_rules(rules, described, bars=run.bars())
    past = predictions[predictions["model"].isin(experiment.models)]
    if until is not None:
        past = past[utc(past["decided_at"]) <= until]
    fold = last_fold(described)
    groups, scalers = member_groups(run, experiment, fold=fold)
    stored = newest_bars(run, experiment, store, until=until)
    refitted = None if refit is None else refit(stored.prices)
    symbol_rows, absent = _decision_rows(
        stored, experiment, symbols=scalers, last=past.groupby("symbol")["decided_at"].max()
    )
    if not symbol_rows:
        raise RunError(f"Expected bars of the symbols of {run.name}, got none: {next(iter(absent.values()), '')}")
    library = PredictionLibrary(name=described.get("backend", backend.DEFAULT))
    newest = newest_closes({symbol: decision_rows.prices for symbol, decision_rows in symbol_rows.items()})
    fresh, apart = fresh_predictions(symbol_rows, groups, scalers, past, library=library, fold=fold)
    if refitted is not None:
        fresh = [_refitted(frame, refitted, newest=newest) for frame in fresh]
        absent |= _not_refitted(symbol_rows, newest, learned=next(iter(refitted.values())))
    rows = panel_rows(pd.concat([past, *fresh], ignore_index=True))
    rows = rows.rows(pd.Series(rows.symbol).isin(list(symbol_rows)).to_numpy()).ensembles(experiment.models)
    rows, thresholds = _with_choices(run, rows, models=experiment.models, rules=rules)
    shares = _allocator(symbol_rows, rules=rules, described=described).member_shares(rows, thresholds=thresholds)
    decisions = {
        model: Decisions(
            symbol=rows.symbol, decided_at=rows.decided_at, probability=rows.probability[model, ENSEMBLE],
            shares=shares[model, ENSEMBLE][0], symbol_rows=symbol_rows, newest=newest,
        )
        for model in experiment.models
    }  # fmt: skip
    ranking = PanelSignal(
        run=run.name,
        symbol=run.symbol,
        decided_at=max(newest.values()),
        calendar=str(described["data"]["calendar"]),
        rules=rules,
        networks={model: _ranking(decided) for model, decided in decisions.items()},
        absent=absent | _behind(symbol_rows, newest),
        leaving={model: _leaving(decided) for model, decided in decisions.items()},
        quotes={symbol: quote for symbol, quote in stored.quotes.items() if quote.closed_at == newest.get(symbol)},
        notes=(
            *((f"Probabilities differ from the run's by up to {apart:.0e}.",) if apart else ()),
            *late_covariates(stored.covariates, experiment, decided_at=max(newest.values())),
        ),
    )
    return LivePanel(run=run, experiment=experiment, forecast=ranking, prices=stored.prices)


def _with_choices(
    run: Run, rows: PanelRows, *, models: Collection[str], rules: TradingConfig
) -> tuple[PanelRows, Thresholds]:
    """The rows recalibrated, and the thresholds of the means over seeds, both chosen as the backtest chooses them."""
    if not rules.learns:
        return rows, {}
    validation, described = run.validation(), run.describe()
    network_rows = validation[validation["model"].isin(models)]
    maps = calibration_maps(network_rows, kind=rules.calibration)
    rows = recalibrated(rows, maps)
    if rules.threshold != AUTO:
        return rows, {}
    thresholds = chosen_thresholds(
        {
            fold: checked.ensembles(sorted({model for model, _ in checked.probability}))
            for fold, checked in validation_rows(network_rows, maps=maps).items()
        },
        allocator=PanelAllocator.of_bars(run.bars(), rules=rules, described=described),
        horizon=int(described["config"]["horizon"]),
    )
    return rows, thresholds


def _allocator(
    symbol_rows: Mapping[str, DecisionRows], *, rules: TradingConfig, described: Mapping[str, Any]
) -> PanelAllocator:
    """Over the bars of the store, with room for the fill that follows the newest close."""
    room = [tables.bars(with_room(decision_rows.prices, bars=1)) for decision_rows in symbol_rows.values()]
    return PanelAllocator(
        rules=rules,
        states=market_states(pd.concat(room, ignore_index=True), rules=rules, described=described),
        closes={symbol: decision_rows.prices.closed_at for symbol, decision_rows in symbol_rows.items()},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """A network's decisions until now, row by row, and the share of the account that each asks for.

    symbol_rows: of each symbol. newest: the newest close of each symbol's calendar.
    """

    symbol: NDArray[np.object_]
    decided_at: Times
    probability: Floats
    shares: Floats
    symbol_rows: Mapping[str, DecisionRows]
    newest: Mapping[str, np.datetime64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelPrices:
    """What the store holds of a panel's symbols now, each with its features across all; absent: why others are not."""

    prices: Mapping[str, Bars]
    quotes: Mapping[str, Quote]
    covariates: Mapping[str, Source]
    absent: Mapping[str, str]


def newest_bars(run: Run, experiment: Experiment, store: Store, *, until: np.datetime64 | None = None) -> PanelPrices:
    """The bars of each symbol from the run's own first one on. until: as panel_signal has it."""
    firsts = {str(symbol): first for symbol, first in run.bars().groupby("symbol")["opened_at"].first().items()}
    covariates = covariates_now(run.describe(), experiment, store)
    prices: dict[str, Bars] = {}
    quotes: dict[str, Quote] = {}
    absent: dict[str, str] = {}
    for symbol in experiment.panel:
        try:
            symbol_experiment = experiment.of_symbol(symbol)
            source = source_since(store, symbol_experiment, first=firsts[symbol], covariates=covariates)
            bars = make_bars(source, symbol_experiment)
        except ForecastError as error:
            absent[symbol] = str(error)
            continue
        prices[symbol] = bars = bars if until is None else bars.rows(bars.closed_at <= until)
        if len(bars):
            quotes[symbol] = _quote(source, bars)
    return PanelPrices(
        prices=with_cross_sections(prices, experiment), quotes=quotes, covariates=covariates,
        absent=absent,
    )  # fmt: skip


def stored_bars(run: Run, store: Store) -> Mapping[str, Bars]:
    """What the store holds now of each symbol of a run, of one or of a panel, with what is joined from others."""
    if run.is_panel:
        return newest_bars(run, open_trained(run).ongoing, store).prices
    _, experiment = open_experiment(run)
    return {experiment.symbol: make_bars(source_now(run, experiment, store), experiment)}


def _quote(source: Source, bars: Bars) -> Quote:
    """The last of these bars, as traded."""
    raw, closed_at, price = source.raw, bars.closed_at[-1], bars.close[-1]
    if isinstance(raw, Bars):
        price = raw.close[np.searchsorted(raw.closed_at, closed_at, side="right") - 1]
    return Quote(closed_at=closed_at, price=float(price), currency=bars.currency)


def newest_closes(prices: Mapping[str, Bars]) -> dict[str, np.datetime64]:
    """Of each symbol the newest close of its calendar: of one that all symbols have left, the newest one of all."""
    newest: dict[str, np.datetime64] = {}
    for symbol_bars in prices.values():
        calendar, end = symbol_bars.calendar, symbol_bars.closed_at[-1]
        newest[calendar] = max(end, newest.get(calendar, end))
    for calendar, end in newest.items():
        if end < (last := max(newest.values())) - LONGEST_PAUSE:
            newest[calendar] = last
    return {symbol: newest[symbol_bars.calendar] for symbol, symbol_bars in prices.items()}


def _decision_rows(
    stored: PanelPrices, experiment: Experiment, *, symbols: Collection[str], last: "pd.Series[pd.Timestamp]"
) -> tuple[dict[str, DecisionRows], dict[str, str]]:
    """The rows of each symbol that can be asked, and why the others cannot.

    symbols: those that the fold's members know. last: each symbol's last decision in the run.
    """
    symbol_rows: dict[str, DecisionRows] = {}
    absent = dict(stored.absent)
    for symbol, prices in stored.prices.items():
        if symbol not in symbols:
            absent[symbol] = "too little history in the last fold"
            continue
        try:
            symbol_rows[symbol] = decision_rows_of(prices, experiment.of_symbol(symbol), last=last.get(symbol))
        except ForecastError as error:
            absent[symbol] = str(error)
    return symbol_rows, absent


def _behind(symbol_rows: Mapping[str, DecisionRows], newest: Mapping[str, np.datetime64]) -> dict[str, str]:
    """Why symbols without a bar at the newest close are not ranked."""
    return {
        symbol: f"no bar at the newest close, the last one is of {np.datetime_as_string(end, unit='D')}"
        for symbol, decision_rows in symbol_rows.items()
        if (end := decision_rows.prices.closed_at[-1]) < newest[symbol]
    }


def _not_refitted(
    symbol_rows: Mapping[str, DecisionRows], newest: Mapping[str, np.datetime64], *, learned: Collection[str]
) -> dict[str, str]:
    """Why symbols that refitted members have not learned from are not ranked."""
    return {
        symbol: "too little history to learn from"
        for symbol, decision_rows in symbol_rows.items()
        if symbol not in learned and decision_rows.fresh and decision_rows.prices.closed_at[-1] == newest[symbol]
    }


def _refitted(
    frame: pd.DataFrame, refitted: Mapping[str, Mapping[str, Floats]], *, newest: Mapping[str, np.datetime64]
) -> pd.DataFrame:
    """A member's fresh rows, those of the newest close as the refitted member says; without those that it has not."""
    model, seed = str(frame["model"].iloc[0]), int(frame["seed"].iloc[0])
    answers = refitted[model]
    last = utc(frame["decided_at"]) == np.array([newest[name] for name in frame["symbol"]])
    refitted_probability = np.array([answers[name][seed] if name in answers else np.nan for name in frame["symbol"]])
    changed = frame.assign(probability=np.where(last, refitted_probability, frame["probability"].to_numpy()))
    return changed.dropna(subset=["probability"])


def _ranking(decisions: Decisions) -> tuple[RankedName, ...]:
    """The names that decide at the newest close, highest probability first; of alike ones the order says nothing."""
    symbol, probability, shares = decisions.symbol, decisions.probability, decisions.shares
    ends = pd.Series(symbol).map(dict(decisions.newest)).to_numpy("datetime64[ns]")
    before = {name: _before(decisions, name, own_rows) for name, own_rows in rows_by_symbol(symbol).items()}
    newest_rows = np.flatnonzero(decisions.decided_at == ends).tolist()
    return tuple(
        RankedName(
            rank=place,
            symbol=str(symbol[row]),
            probability=float(probability[row]),
            before=before[symbol[row]],
            share=float(shares[row]),
            action=action(before[symbol[row]], float(shares[row])),
        )
        for place, row in enumerate(sorted(newest_rows, key=lambda row: (-probability[row], symbol[row])), start=1)
    )


def _before(decisions: Decisions, name: str, own_rows: Rows) -> float:
    """A symbol's share until the open after its last close. own_rows: of its decisions."""
    closes, decided_at = decisions.symbol_rows[name].prices.closed_at, decisions.decided_at
    earlier_rows = own_rows[decided_at[own_rows] < closes[-1]]
    still_open = len(earlier_rows) and len(closes) > 1 and decided_at[earlier_rows[-1]] == closes[-2]
    return float(decisions.shares[earlier_rows[-1]]) if still_open else 0.0  # else it was sold at an open since


def _leaving(decisions: Decisions) -> dict[str, float]:
    """The symbols that are held, have a bar at the newest close and make no decision there, with their shares."""
    leaving = {}
    for name, own_rows in rows_by_symbol(decisions.symbol).items():
        last = decisions.symbol_rows[name].prices.closed_at[-1]
        if last == decisions.newest[name] and decisions.decided_at[own_rows[-1]] < last:
            leaving[name] = _before(decisions, name, own_rows)
    return {name: share for name, share in leaving.items() if share}


def action(before: float, after: float) -> str:
    """What to do with a name whose share of the account changes so; see RankedName."""
    change = np.sign(after) - np.sign(before)
    if change:
        return "buy" if change > 0 else "sell"
    return "keep" if after else "none"
