"""A panel's predictions + rules -> one account over all symbols for each model, and the verdict over the panel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.experiment import BASELINES
from forecast.config.policies import cross_sectional
from forecast.config.trading import TradingConfig
from forecast.evaluation.panel_rows import Member, PanelRows, panel_rows
from forecast.evaluation.panel_scores import panel_metrics, predictive, ranked_rows, traded_value
from forecast.evaluation.recomputation import recompute
from forecast.evaluation.tries import tries
from forecast.evaluation.warnings import diverged_members, ruins
from forecast.runs import integrity, trial_log
from forecast.runs.manifest import sealed
from forecast.runs.run import Backtest, Run
from forecast.statistics.capacity import capacity
from forecast.statistics.comparisons import is_network
from forecast.statistics.cross_section import panel_scores
from forecast.statistics.summary import summarise
from forecast.statistics.verdict import Caveat, Verdict
from forecast.trading.ledgers import ledger_frame
from forecast.trading.market_state import MarketState, closing_calendar, conditions, trailing_volatility
from forecast.trading.panel_account import PanelAccount, PanelMarket, panel_market, trade_panel
from forecast.trading.panel_shares import account_shares, inverse_volatility, panel_shares
from forecast.trading.signals import ENSEMBLE, Signals, utc
from pipelines.errors import ConfigError
from pipelines.market.calendars import session_of
from pipelines.market.types import Floats, Times

HOLDING, CASH, SAME_EXPOSURE = "buy_and_hold", "cash", "same_exposure"


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelTrades:
    """What every member of a panel decided and held.

    market: what could be traded when. shares: of each (model, member) and of the benchmarks, shape (rows,). signals: of
    each ensemble, shape (rows,).
    """

    rows: PanelRows
    market: PanelMarket
    shares: Mapping[Member, Floats]
    signals: Mapping[str, Signals]


def evaluate_panel(run: Run, *, rules: TradingConfig) -> Backtest:
    """Trades a panel's members and benchmarks as one account each, compares them, saves and returns the backtest.

    Raises:
        RunError: an unfinished or damaged run.
        ConfigError: rules that a panel, or this one, cannot follow.
    """
    checked, described = integrity.check(run), run.describe()
    recomputed = recompute(run, rng=np.random.default_rng())
    check_rules(rules, described)
    trial = trial_log.record_backtest(
        run.folder.parent, rules, run=run.name, symbols=list(described["panel"]["symbols"])
    )
    data, title, horizon = described["data"], run.symbol, int(described["config"]["horizon"])
    calendars = {symbol: str(about["calendar"]) for symbol, about in described["panel"]["symbols"].items()}
    rows, validation, bars = panel_rows(run.predictions()), run.validation(), run.bars()
    states = market_states(bars, rules=rules, described=described)
    closes = {str(symbol): utc(symbol_bars["closed_at"]) for symbol, symbol_bars in bars.groupby("symbol", sort=True)}
    trades = panel_trades(rows, validation, states=states, closes=closes, rules=rules, horizon=horizon)
    accounts = _accounts(trades, title=title, rules=rules, value=traded_value(bars, trades.market, described=described))
    ensembles = {name: account for name, account in accounts.items() if name[1] == ENSEMBLE}
    sessions = _sessions(bars, trades.market.time, calendar=str(data["calendar"]))
    ranked, chosen = ranked_rows(rows, calendars=calendars)
    scores = panel_scores({name: probability[chosen] for name, probability in rows.probability.items()}, ranked)
    ledgers = [account.ledger for account in accounts.values()]
    config = rules.to_json()
    history = tries(run.folder.parent, ledgers, trial=trial)
    metrics = summarise(
        ledgers, None, bars_per_year=_bars_per_year(trades.market, states, described), sessions=sessions,
        config=config, scores=scores, trials=max(1, history.log.trial_count), trial_returns=history.returns,
        caveats=[
            *history.caveats,
            *([] if checked.verified else [Caveat(code="unverified")]),
            *recomputed.caveats(),
            *diverged_members(described),
        ],
    )  # fmt: skip
    metrics |= {"integrity": {**checked.to_json(), "recomputed": recomputed.to_json()}, "trials": history.to_json()}
    metrics["prediction"] = predictive(rows)
    for (model, member), account in accounts.items():
        entry = metrics["performance"][model]
        values = entry[ENSEMBLE] if member == ENSEMBLE else entry["seeds"][member]
        values |= _spells(account)
    metrics["panel"] = panel_metrics(
        rows,
        ranked,
        chosen,
        accounts=ensembles,
        market=trades.market,
        sessions=sessions,
        bars=bars,
        described=described,
    )
    metrics["trading"] = {"ruined": ruins(ledgers), **_events(trades.market)}
    metrics["certificate"] = certificate = certify_panel_fills(
        run.certificate(), trades, ensembles, validation=validation, bars=bars, rules=rules, described=described
    )
    if certificate is not None and not certificate["passed"]:
        failures = tuple(certificate["failures"])
        metrics["verdict"] = Verdict(comparisons=(), status="look_ahead", failures=failures).to_json()
    backtest = Backtest(
        name=rules.name, config=config, signals=_signal_frame(trades), ledger=ledger_frame(ledgers), metrics=metrics
    )
    run.save_backtest(backtest)
    return backtest


def check_rules(rules: TradingConfig, described: Mapping[str, Any]) -> None:
    """Whether a panel can follow these rules.

    Raises:
        ConfigError: it cannot.
    """
    if rules.learns or rules.sizing != "full":
        raise ConfigError(
            "Expected threshold as a number, calibration none and sizing full for a panel, got "
            f"{rules.threshold}, {rules.calibration} and {rules.sizing}. A policy of ranks needs none of them."
        )
    kinds = sorted({str(about["calendar"]) for about in described["panel"]["symbols"].values()})
    if cross_sectional(rules.policy) is not None and len(kinds) > 1:
        raise ConfigError(
            f"Expected symbols of one calendar for policy {rules.policy}, which ranks them at one moment, got "
            f"{', '.join(kinds)}. Take --policy long-flat or long-short, or train a panel for each."
        )
    built = described["config"].get("bars")
    if built and not str(built).startswith("time:"):
        raise ConfigError(f"Expected bars of the same times for the account of a panel, got {built}. Use time:5m.")
    if rules.spread == "bars" and not built:
        raise ConfigError(
            "Expected bars built from trades to estimate the spread from, got "
            f"{described['data'].get('interval')} bars. Give it: --half-spread-bps 2."
        )


def market_states(bars: pd.DataFrame, *, rules: TradingConfig, described: Mapping[str, Any]) -> dict[str, MarketState]:
    """The conditions of trading of each symbol."""
    if rules.spread == "quoted" and "bid" not in bars:
        raise ConfigError("Expected bars made of trades with quotes for --half-spread quoted, got bars without.")
    flat = closing_calendar(described) is not None
    states = {}
    for symbol, symbol_bars in bars.groupby("symbol", sort=True):
        about = described["panel"]["symbols"][str(symbol)]
        state = conditions(
            symbol_bars,
            rules=rules,
            bars_per_year=about["bars_per_year"],
            closes_with=about["calendar"] if flat else None,
        )
        if rules.weighting == "inverse-volatility":
            volatility = trailing_volatility(symbol_bars["close"].to_numpy(), bars_per_year=about["bars_per_year"])
            state = replace(state, volatility=volatility)
        states[str(symbol)] = state
    return states


def panel_trades(
    rows: PanelRows,
    validation: pd.DataFrame,
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
    horizon: int = 1,
) -> PanelTrades:
    """What the rules make of the probabilities, benchmarks included; validation rows decide the same exposure.

    horizon: of the labels, in bars.
    """
    shares: dict[Member, Floats] = {}
    signals: dict[str, Signals] = {}
    parts = account_parts(rows, states=states, closes=closes, rules=rules)
    for (model, member), probability in rows.probability.items():
        shares[model, member], symbol_signals = model_shares(
            rows, model, probability, rules=rules, parts=parts, closes=closes
        )
        if member == ENSEMBLE:
            signals[model] = symbol_signals
    equal = account_shares(rows.symbol, rows.decided_at, closes=closes)
    shares[HOLDING, ENSEMBLE] = equal
    shares[CASH, ENSEMBLE] = np.zeros(len(rows))
    for model, exposure in _exposures(rows, validation, states=states, closes=closes, rules=rules).items():
        shares[f"{SAME_EXPOSURE}:{model}", ENSEMBLE] = exposure * equal
    market = panel_market(states, symbol=rows.symbol, entry_at=rows.entry_at, horizon=horizon)
    return PanelTrades(rows=rows, market=market, shares=shares, signals=signals)


def model_shares(
    rows: PanelRows,
    model: str,
    probability: Floats,
    *,
    rules: TradingConfig,
    parts: Floats,
    closes: Mapping[str, Times],
) -> tuple[Floats, Signals]:
    """What the rules make of a model's probabilities: each row's share of the account, and its signals.

    A baseline trades without a no-trade zone, as it does on one symbol.
    """
    threshold = 0.0 if model in BASELINES else float(rules.threshold)
    return panel_shares(
        probability, rows.symbol, rows.decided_at, rules=rules, threshold=threshold, parts=parts, closes=closes
    )


def account_parts(
    rows: PanelRows, *, states: Mapping[str, MarketState], closes: Mapping[str, Times], rules: TradingConfig
) -> Floats:
    """The part of the account that each row's symbol has there, by the rules' weighting, shape (rows,)."""
    weight = None
    if rules.weighting == "inverse-volatility":
        weight = inverse_volatility(rows.symbol, rows.entry_at, states=states)
    return account_shares(rows.symbol, rows.decided_at, closes=closes, weight=weight)


def _exposures(
    rows: PanelRows,
    validation: pd.DataFrame,
    *,
    states: Mapping[str, MarketState],
    closes: Mapping[str, Times],
    rules: TradingConfig,
) -> dict[str, Floats]:
    """Of each network its mean net exposure on the validation rows of each fold, for the fold's test rows."""
    exposure: dict[str, Floats] = {}
    for fold, part in validation.groupby("fold", sort=True):
        checked = panel_rows(part)
        parts = account_parts(checked, states=states, closes=closes, rules=rules)
        full_shares = account_shares(
            checked.symbol, checked.decided_at, closes=closes
        ).sum()  # all in, at every decision
        for (model, member), probability in checked.probability.items():
            if member != ENSEMBLE or not is_network(model):
                continue
            shares, _ = model_shares(checked, model, probability, rules=rules, parts=parts, closes=closes)
            model_exposure = exposure.setdefault(model, np.zeros(len(rows)))
            model_exposure[rows.fold == int(str(fold))] = shares.sum() / full_shares
    return exposure


def _accounts(trades: PanelTrades, *, title: str, rules: TradingConfig, value: Floats) -> dict[Member, PanelAccount]:
    """One account a member; of seeds only the ledger is kept, and a baseline's one seed is its ensemble.

    value: as traded_value has it.
    """
    accounts: dict[Member, PanelAccount] = {}
    nothing = np.zeros((0, 0))
    for (model, member), shares in sorted(trades.shares.items(), key=lambda item: item[0][1] != ENSEMBLE):
        if model in BASELINES and member != ENSEMBLE:
            ensemble = accounts[model, ENSEMBLE]
            accounts[model, member] = replace(ensemble, ledger=replace(ensemble.ledger, member=member))
            continue
        account = trade_panel(shares, trades.market, title=title, model=model, member=member, costs=rules.costs)
        spells = _spells(account)
        if member == ENSEMBLE:
            account = replace(account, capacity=capacity(account.traded, value))
        stored = account if member == ENSEMBLE else replace(account, position=nothing, contribution=nothing)
        accounts[model, member] = replace(stored, spells=spells, traded=nothing)
    order = list(trades.shares)
    return {name: accounts[name] for name in order}


def _spells(account: PanelAccount) -> dict[str, float | None]:
    """What stands for trades in one account of many names: positions opened, and the share of them that gained."""
    if account.spells:
        return dict(account.spells)
    side = np.sign(account.position)
    before = np.concatenate([np.zeros((len(side), 1)), side[:, :-1]], axis=1)
    opened = (side != 0) & (side != before)
    count = int(opened.sum())
    if not count:
        return {"trades": 0, "hit_rate": None}
    number = np.cumsum(opened.ravel()).reshape(side.shape)  # positions follow each other symbol by symbol
    inside = side != 0
    gain = np.bincount(number[inside] - 1, weights=account.contribution[inside], minlength=count)
    return {"trades": count, "hit_rate": float((gain > 0).mean())}


def _bars_per_year(market: PanelMarket, states: Mapping[str, MarketState], described: Mapping[str, Any]) -> float:
    """Opens of the account a year: exchanges that open at other times have more together than each alone."""
    rates = []
    for place, name in enumerate(market.symbols):
        opened, entered = states[name].opened_at, market.time[market.entry[market.symbol == place]]
        first, last = entered.min(), entered.max()
        own_opens, joint = (
            np.searchsorted(times, last) - np.searchsorted(times, first) for times in (opened, market.time)
        )
        per_year = float(described["panel"]["symbols"][name]["bars_per_year"])
        rates.append(per_year * float(joint / own_opens) if own_opens else per_year)
    return float(np.median(rates))


def _sessions(bars: pd.DataFrame, time: Times, *, calendar: str) -> NDArray[np.datetime64]:
    """The session date of each open of the account: that of the close of a bar that opens then."""
    opened, place = np.unique(utc(bars["opened_at"]), return_index=True)
    closed = utc(bars["closed_at"])[place]
    return session_of(closed[np.searchsorted(opened, time)], calendar)


def _events(market: PanelMarket) -> dict[str, Any]:
    """Which symbols ended before the account did, and at how many opens each could not be traded."""
    ended = {
        name: str(np.datetime_as_string(market.time[end], unit="D"))
        for name, end in zip(market.symbols, market.exit_row.tolist(), strict=True)
        if market.time[end].astype("datetime64[D]") < market.time[-1].astype("datetime64[D]")
    }
    idle = {name: int(count) for name, count in zip(market.symbols, (~market.able).sum(axis=1), strict=True) if count}
    return {"ended": ended, "untradable_opens": idle, "opens": len(market.time) - 1}


def certify_panel_fills(
    certificate: dict[str, Any] | None,
    trades: PanelTrades,
    accounts: Mapping[Member, PanelAccount],
    *,
    validation: pd.DataFrame,
    bars: pd.DataFrame,
    rules: TradingConfig,
    described: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The training's certificate with the backtest's own checks; None for a run without one."""
    if certificate is None:
        return None
    failures, compared = list(certificate["failures"]), int(certificate["compared"])
    replayed = _replays(trades, bars, rules=rules, described=described)
    for failure, fine in chain(_checks(trades, accounts, validation), replayed):
        compared += 1
        if not fine:
            failures.append(failure)
    return sealed(
        {**certificate, "passed": not failures, "compared": compared, "failures": list(dict.fromkeys(failures))}
    )


def _checks(
    trades: PanelTrades, accounts: Mapping[Member, PanelAccount], validation: pd.DataFrame
) -> Iterator[tuple[str, bool]]:
    rows, market = trades.rows, trades.market
    yield "a decision is filled before it is made", bool(np.all(rows.entry_at >= rows.decided_at))
    yield "a fill is not at an open of its symbol", bool(np.array_equal(market.time[market.entry], rows.entry_at))
    last_exits = validation.groupby("fold")["exit_at"].max()
    for fold, last in last_exits.items():
        tested = rows.decided_at[rows.fold == int(str(fold))]
        late = len(tested) and np.datetime64(last.tz_convert(None), "ns") >= tested.min()
        yield f"a validation row of fold {fold} is known too late for what is chosen on it", not late
    earned = market.opens[:, 1:] / market.opens[:, :-1] - 1.0
    for (model, _), account in accounts.items():
        gross = (account.position[:, :-1] * earned).sum(axis=0)
        fair = np.allclose(account.ledger.gross_return[:-1], gross, rtol=0.0, atol=1e-12)
        yield f"{model} earns something else than from open to open", bool(fair)


def _replays(
    trades: PanelTrades, bars: pd.DataFrame, *, rules: TradingConfig, described: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    """What the ensembles' shares up to a decision are without all that came after it, and with other in its place."""
    rng, rows = np.random.default_rng(0), trades.rows
    closed_at, moments = utc(bars["closed_at"]), np.unique(rows.decided_at)
    prices = [name for name in ("open", "high", "low", "close", "bid", "ask") if name in bars]
    for cut in moments[[len(moments) // 3, len(moments) * 4 // 5]]:
        past, later = rows.decided_at <= cut, closed_at > cut
        second = later & (pd.Series(later).groupby(bars["symbol"].to_numpy()).cumsum().to_numpy() > 2)
        other = bars.copy()
        drift = np.exp(np.where(later, rng.normal(0.0, 0.5, len(bars)), 0.0))
        other[prices] = other[prices].to_numpy() * drift[:, None]
        noise = {
            name: np.where(past, probability, rng.random(len(rows)))
            for name, probability in rows.probability.items()
            if name[1] == ENSEMBLE
        }
        changed = replace(rows, probability=noise)
        for how, part, history in (("removed", changed.rows(past), bars[~second]), ("scrambled", changed, other)):
            states = market_states(history, rules=rules, described=described)
            closes = {str(symbol): utc(own["closed_at"]) for symbol, own in history.groupby("symbol", sort=True)}
            parts = account_parts(part, states=states, closes=closes, rules=rules)
            for (model, member), probability in part.probability.items():
                shares, _ = model_shares(part, model, probability, rules=rules, parts=parts, closes=closes)
                same = np.array_equal(shares[: past.sum()], trades.shares[model, member][past])
                yield f"shares of {model} change when what follows {_day(cut)} is {how}", same


def _day(time: np.datetime64) -> str:
    return str(np.datetime_as_string(time, unit="D"))


def _signal_frame(trades: PanelTrades) -> pd.DataFrame:
    """signals.parquet: the decisions of the ensembles."""
    rows = trades.rows
    frames = [
        pd.DataFrame(
            {
                "symbol": rows.symbol,
                "model": model,
                "member": ENSEMBLE,
                "decided_at": pd.DatetimeIndex(rows.decided_at).tz_localize("UTC"),
                "signal": signals,
                "probability": rows.probability[model, ENSEMBLE],
                "target": trades.shares[model, ENSEMBLE],
            }
        )
        for model, signals in trades.signals.items()
    ]
    return pd.concat(frames, ignore_index=True)
