"""Today's ranking of a panel: every symbol's newest window through the members of the last fold, and what to trade."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from forecast.compute import backend
from forecast.compute.task import Task
from forecast.config.experiment import Experiment
from forecast.config.trading import TradingConfig
from forecast.datasets.dataset import Source, make_bars, members, with_cross_sections, with_room
from forecast.evaluation.panel.rows import panel_rows
from forecast.evaluation.panel.shares import check_rules, market_states, member_shares
from forecast.runs import integrity, tables
from forecast.runs.checkpoints import Checkpoint, open_member, panel_scalers
from forecast.runs.run import Run
from forecast.serving.loader import covariates_now, last_fold, late_covariates, source_since
from forecast.serving.signal import SETTLED
from forecast.trading.panel_shares import rows_by_symbol
from forecast.trading.signals import ENSEMBLE, utc
from pipelines.errors import ConfigError, ForecastError, RunError
from pipelines.market import calendars
from pipelines.market.types import Bars, Floats, Times
from pipelines.preprocessing import custom_features, features, windows
from pipelines.preprocessing.scaling import Scaler
from pipelines.preprocessing.windows import Rows
from pipelines.store.store import Store

_CHECKED = 3  # decisions of the run per symbol that are made again, to see that nothing has changed
_SAME = 1e-4  # float32 computed in other batches differs by less, other features or weights by far more


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
class PanelSignal:
    """The rankings of a panel's networks at the newest close.

    networks: model -> its names, highest probability first. absent: symbols that are not ranked, with the reason.
    """

    run: str
    symbol: str
    decided_at: np.datetime64
    calendar: str
    rules: TradingConfig
    networks: Mapping[str, tuple[RankedName, ...]]
    absent: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def stale(self, now: np.datetime64) -> bool:
        """Whether the newest bar is of an earlier session than the last one that had closed half an hour ago."""
        session = calendars.session_of(np.array([self.decided_at]), self.calendar)[0]
        return bool(session < calendars.last_closed(self.calendar, now=now - SETTLED))


@dataclass(frozen=True, kw_only=True, eq=False)
class _DecisionRows:
    """A symbol's bars, its features, and the bars at which decisions are asked for: the run's last ones, then new ones.

    fresh: how many of them the run has not made.
    """

    prices: Bars
    matrix: Floats
    ends: Rows
    fresh: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """Members of one fold, and the symbols that they are asked about: all of a panel, or one with its own."""

    members: Sequence[Checkpoint]
    symbols: tuple[str, ...]


def open_panel(run: Run) -> tuple[dict[str, Any], Experiment]:
    """A finished panel's description, and its experiment without an end.

    Raises:
        RunError: an unfinished or damaged run.
        ConfigError: features or networks that this version does not know.
    """
    described = run.describe()
    if not run.finished:
        raise RunError(f"Run {run.name} is not finished. Run its 'forecast train' again: it goes on.")
    integrity.check(run)
    try:
        experiment = Experiment.from_options({**described["config"], "end": None})
    except ConfigError as error:
        raise ConfigError(f"Run {run.name} is not of this version: {error} Train it again.") from error
    custom_features.check_sources(experiment.features, described.get("user_features", {}))
    return described, experiment


def panel_signal(
    run: Run,
    store: Store,
    *,
    rules: TradingConfig,
    until: np.datetime64 | None = None,
    refit: Callable[[Mapping[str, Bars]], Mapping[str, Mapping[str, Floats]]] | None = None,
) -> PanelSignal:
    """What the rules hold of each symbol from the next open on, replayed from the run's first decision.

    Decisions that the run has made are taken from it, so a ranking of one of its own days is the backtest's to the last
    digit. until: look at bars up to then only, as if the others had not come yet. refit: from the bars of the symbols
    to each network's probabilities at the newest close by symbol, shape (seeds,), where other members are to be asked.

    Raises:
        RunError: networks that no longer give the probabilities that the run has stored, or no bar that is newer.
        ConfigError: rules that a panel cannot follow.
    """
    described, experiment = open_panel(run)
    bars, stored = run.bars(), run.predictions()
    check_rules(rules, described, bars=bars)
    past = stored[stored["model"].isin(experiment.models)]
    if until is not None:
        past = past[utc(past["decided_at"]) <= until]
    fold = last_fold(described)
    groups, scalers = _members(run, experiment, fold=fold)
    last = past.groupby("symbol")["decided_at"].max()
    firsts = {str(symbol): first for symbol, first in bars.groupby("symbol")["opened_at"].first().items()}
    symbol_rows: dict[str, _DecisionRows] = {}
    covariates = covariates_now(described, experiment, store)
    prices_now, absent = _newest_bars(store, experiment, firsts=firsts, covariates=covariates, until=until)
    refitted = None if refit is None else refit(prices_now)
    for symbol, prices in prices_now.items():
        if symbol not in scalers:
            absent[symbol] = "too little history in the last fold"
            continue
        try:
            symbol_rows[symbol] = _decision_rows(prices, experiment.of_symbol(symbol), last=last.get(symbol))
        except ForecastError as error:
            absent[symbol] = str(error)
    if not symbol_rows:
        raise RunError(f"Expected bars of the symbols of {run.name}, got none: {next(iter(absent.values()), '')}")
    library = backend.load_prediction(
        [member.architecture for member in groups[0].members], name=described.get("backend", backend.DEFAULT)
    )
    newest = newest_closes({symbol: decision_rows.prices for symbol, decision_rows in symbol_rows.items()})
    fresh, apart = _fresh(symbol_rows, groups, scalers, past, library=library, fold=fold)
    if refitted is not None:
        fresh = [_refitted(frame, refitted, newest=newest) for frame in fresh]
        learned = next(iter(refitted.values()))
        for symbol in [
            name for name, decision_rows in symbol_rows.items() if name not in learned and decision_rows.fresh
        ]:
            if symbol_rows[symbol].prices.closed_at[-1] == newest[symbol]:
                absent[symbol] = "too little history to learn from"
    rows = panel_rows(pd.concat([past, *fresh], ignore_index=True))
    room = pd.concat(
        [tables.bars(with_room(decision_rows.prices, bars=1)) for decision_rows in symbol_rows.values()],
        ignore_index=True,
    )
    rows = rows.rows(pd.Series(rows.symbol).isin(list(symbol_rows)).to_numpy()).ensembles(experiment.models)
    closes = {symbol: decision_rows.prices.closed_at for symbol, decision_rows in symbol_rows.items()}
    states = market_states(room, rules=rules, described=described)
    shares = member_shares(rows, states=states, closes=closes, rules=rules)
    absent |= {
        symbol: f"no bar at the newest close, the last one is of {np.datetime_as_string(end, unit='D')}"
        for symbol, decision_rows in symbol_rows.items()
        if (end := decision_rows.prices.closed_at[-1]) < newest[symbol]
    }
    networks = {
        model: _ranking(
            rows.symbol,
            rows.decided_at,
            rows.probability[model, ENSEMBLE],
            shares[model, ENSEMBLE][0],
            symbol_rows=symbol_rows,
            newest=newest,
        )
        for model in experiment.models
    }
    return PanelSignal(
        run=run.name,
        symbol=run.symbol,
        decided_at=max(newest.values()),
        calendar=str(described["data"]["calendar"]),
        rules=rules,
        networks=networks,
        absent=absent,
        notes=(
            *((f"Probabilities differ from the run's by up to {apart:.0e}.",) if apart else ()),
            *late_covariates(covariates, experiment, decided_at=max(newest.values())),
        ),
    )


def _newest_bars(
    store: Store,
    experiment: Experiment,
    *,
    firsts: Mapping[str, pd.Timestamp],
    covariates: Mapping[str, Source],
    until: np.datetime64 | None,
) -> tuple[dict[str, Bars], dict[str, str]]:
    """The bars of each symbol with its features across all of them, and why others have none."""
    prices: dict[str, Bars] = {}
    absent: dict[str, str] = {}
    for symbol in experiment.panel:
        try:
            symbol_experiment = experiment.of_symbol(symbol)
            bars = make_bars(
                source_since(store, symbol_experiment, first=firsts[symbol], covariates=covariates), symbol_experiment
            )
        except ForecastError as error:
            absent[symbol] = str(error)
            continue
        prices[symbol] = bars if until is None else bars.rows(bars.closed_at <= until)
    return with_cross_sections(prices, experiment), absent


def newest_closes(prices: Mapping[str, Bars]) -> dict[str, np.datetime64]:
    """Of each symbol the newest close of its calendar."""
    newest: dict[str, np.datetime64] = {}
    for symbol_bars in prices.values():
        calendar, end = symbol_bars.calendar, symbol_bars.closed_at[-1]
        newest[calendar] = max(end, newest.get(calendar, end))
    return {symbol: newest[symbol_bars.calendar] for symbol, symbol_bars in prices.items()}


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


def _decision_rows(prices: Bars, experiment: Experiment, *, last: pd.Timestamp | None) -> _DecisionRows:
    """Where a symbol is asked for decisions."""
    if not len(prices):
        raise RunError(f"{experiment.symbol}: no bar up to then.")
    matrix = features.compute(prices, names=experiment.columns)
    first = windows.first_end(matrix, steps=experiment.window)
    since = 0 if last is None else int(np.searchsorted(prices.closed_at, _utc(last), side="right"))
    start = len(prices) - 1 if last is None else since  # a symbol that the run never tested is asked today alone
    ends = np.arange(max(first, start - _CHECKED), len(prices), dtype=np.int64)
    days = calendars.session_of(prices.closed_at[ends], prices.calendar)
    ends = ends[members(days, experiment.membership, prices.symbol)]
    return _DecisionRows(prices=prices, matrix=matrix, ends=ends, fresh=int((ends >= max(first, start)).sum()))


def _members(run: Run, experiment: Experiment, *, fold: int) -> tuple[list[_Group], dict[str, Scaler]]:
    """The members of a fold with the symbols that each set of them is asked of, and each symbol's scaler there."""
    tasks = [(model, fold, seed) for model in experiment.models for seed in range(experiment.seeds)]
    if not experiment.local_models:
        members = [open_member(run, experiment, task, panel=True) for task in tasks]
        scalers = panel_scalers(run, members[0].task, features=len(experiment.columns))
        return [_Group(members=members, symbols=tuple(scalers))], scalers
    groups, scalers = [], {}
    for symbol in experiment.panel:
        part = run.of_symbol(symbol)
        if part.member(*tasks[0]).exists():  # it has members in this fold
            members = [open_member(part, experiment, task) for task in tasks]
            groups.append(_Group(members=members, symbols=(symbol,)))
            scalers[symbol] = members[0].scaler
    return groups, scalers


def _fresh(
    symbol_rows: Mapping[str, _DecisionRows],
    groups: Sequence[_Group],
    scalers: Mapping[str, Scaler],
    past: pd.DataFrame,
    *,
    library: ModuleType,
    fold: int,
) -> tuple[list[pd.DataFrame], float]:
    """Rows of the decisions that the run has not made, and how far those that it has made are from what it stored."""
    frames, apart = [], 0.0
    for group in groups:
        decisions = _decisions(symbol_rows, group.symbols, scalers, steps=group.members[0].architecture.steps)
        if decisions is None:
            continue
        recorded = past[(past["fold"] == fold) & past["symbol"].isin(group.symbols)]
        for member in group.members:
            probability = _probability(member, decisions, library=library)
            frames.append(decisions.fresh_rows(member.task, probability))
            apart = max(apart, decisions.distance(recorded, member.task, probability))
    if apart > _SAME:
        raise RunError(
            f"The networks no longer give the probabilities that the run stored (by up to {apart:.2g}): other bars in "
            "the store, or another version. Train it again: --overwrite."
        )
    return frames, apart


@dataclass(frozen=True, kw_only=True, eq=False)
class _Decisions:
    """Windows that members are asked about. matrix: scaled features of the symbols one after another.

    ends: the row at which each window ends. symbol, decided_at, new: whose it is, when it decides, and whether the run
    has not; all of shape (windows,).
    """

    matrix: "np.ndarray[Any, np.dtype[np.float32]]"
    ends: Rows
    symbol: "np.ndarray[Any, np.dtype[np.object_]]"
    decided_at: Times
    new: "np.ndarray[Any, np.dtype[np.bool_]]"

    def fresh_rows(self, task: Task, probability: Floats) -> pd.DataFrame:
        """The new decisions as rows of predictions.parquet."""
        model, fold, seed = task
        times = pd.DatetimeIndex(self.decided_at[self.new]).tz_localize("UTC")
        return pd.DataFrame(
            {"symbol": self.symbol[self.new], "model": model, "fold": fold, "seed": seed, "decided_at": times,
             "entry_at": times, "exit_at": times, "probability": probability[self.new], "target": 0,
             "forward_return": 0.0}
        )  # fmt: skip

    def distance(self, stored: pd.DataFrame, task: Task, probability: Floats) -> float:
        """How far the decisions that the run has made, made again, are from what it stored of them."""
        model, _, seed = task
        rows = stored[(stored["model"] == model) & (stored["seed"] == seed)]
        before = pd.Series(rows["probability"].to_numpy(), index=[rows["symbol"], utc(rows["decided_at"])])
        again = pd.Series(probability[~self.new], index=[self.symbol[~self.new], self.decided_at[~self.new]])
        both = before.reindex(again.index).to_numpy(np.float64)
        return float(np.nanmax(np.abs(both - again.to_numpy()), initial=0.0))


def _decisions(
    symbol_rows: Mapping[str, _DecisionRows], symbols: Sequence[str], scalers: Mapping[str, Scaler], *, steps: int
) -> _Decisions | None:
    """What is asked of these symbols, None where nothing is."""
    values, ends, offset = [], [], 0
    named = [(name, symbol_rows[name]) for name in symbols if name in symbol_rows and len(symbol_rows[name].ends)]
    if not named:
        return None
    for name, symbol in named:
        first = int(symbol.ends[0]) - steps + 1
        values.append(scalers[name].apply(symbol.matrix[first:].astype(np.float32)))
        ends.append(symbol.ends - first + offset)
        offset += len(values[-1])
    return _Decisions(
        matrix=np.concatenate(values),
        ends=np.concatenate(ends),
        symbol=np.concatenate([np.full(len(symbol.ends), name, dtype=object) for name, symbol in named]),
        decided_at=np.concatenate([symbol.prices.closed_at[symbol.ends] for _, symbol in named]),
        new=np.concatenate([np.arange(len(symbol.ends)) >= len(symbol.ends) - symbol.fresh for _, symbol in named]),
    )


def _probability(member: Checkpoint, decisions: _Decisions, *, library: ModuleType) -> Floats:
    """What a member says of each window."""
    if member.diverged:
        return np.full(len(decisions.ends), 0.5)
    width = decisions.matrix.shape[1]
    probability: Floats = library.predict(
        decisions.matrix,
        ends=decisions.ends,
        scaler=Scaler(mean=np.zeros(width), scale=np.ones(width)),  # the matrix is scaled
        architecture=member.architecture,
        parameters=library.load(member.weights, architecture=member.architecture),
    )
    return probability


def _ranking(
    symbol: "np.ndarray[Any, np.dtype[np.object_]]",
    decided_at: Times,
    probability: Floats,
    shares: Floats,
    *,
    symbol_rows: Mapping[str, _DecisionRows],
    newest: Mapping[str, np.datetime64],
) -> tuple[RankedName, ...]:
    """The names that decide at the newest close, highest probability first; of alike ones the order says nothing."""
    newest_rows = np.flatnonzero(decided_at == pd.Series(symbol).map(dict(newest)).to_numpy("datetime64[ns]"))
    before, by_symbol = {}, rows_by_symbol(symbol)
    for name in symbol[newest_rows].tolist():
        closes, own_rows = symbol_rows[name].prices.closed_at, by_symbol[name]
        earlier_rows = own_rows[decided_at[own_rows] < newest[name]]
        still_open = (
            len(earlier_rows) and len(closes) > 1 and decided_at[earlier_rows[-1]] == closes[-2]
        )  # else it was sold at an open since
        before[name] = float(shares[earlier_rows[-1]]) if still_open else 0.0
    order = sorted(newest_rows.tolist(), key=lambda row: (-probability[row], symbol[row]))
    return tuple(
        RankedName(
            rank=place,
            symbol=str(symbol[row]),
            probability=float(probability[row]),
            before=before[symbol[row]],
            share=float(shares[row]),
            action=_action(before[symbol[row]], float(shares[row])),
        )
        for place, row in enumerate(order, start=1)
    )


def _action(before: float, after: float) -> str:
    change = np.sign(after) - np.sign(before)
    if change:
        return "buy" if change > 0 else "sell"
    return "keep" if after else "none"


def _utc(moment: pd.Timestamp) -> np.datetime64:
    return np.datetime64(moment.tz_convert(None), "ns")
