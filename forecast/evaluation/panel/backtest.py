"""A panel's predictions + rules -> one account over all symbols for each model, and the verdict over the panel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.config.trading import TradingConfig
from forecast.evaluation.panel.accounts import PanelTrades, accounts_of, panel_trades
from forecast.evaluation.panel.lookahead_audit import certify_panel_fills
from forecast.evaluation.panel.rows import panel_rows
from forecast.evaluation.panel.scores import panel_metrics, predictive, ranked_rows, traded_value
from forecast.evaluation.panel.shares import PanelAllocator, check_rules
from forecast.evaluation.panel.thresholds import describe_thresholds
from forecast.evaluation.tries import tries
from forecast.evaluation.verification import caveats, verify
from forecast.evaluation.warnings import diverged_members, ruins
from forecast.runs import trial_log
from forecast.runs.run import Run
from forecast.runs.saved_backtests import Backtest
from forecast.statistics.cross_section import panel_scores
from forecast.statistics.summary import summarise
from forecast.statistics.verdict import Verdict
from forecast.trading.ledgers import ledger_frame
from forecast.trading.market_state import MarketState
from forecast.trading.panel_account import PanelMarket
from forecast.trading.signals import ENSEMBLE
from pipelines.market.calendars import session_of
from pipelines.market.times import utc, zoned
from pipelines.market.types import Times


def evaluate_panel(run: Run, *, rules: TradingConfig) -> Backtest:
    """Trades a panel's members and benchmarks as one account each, compares them, saves and returns the backtest.

    Raises:
        RunError: an unfinished or damaged run.
        ConfigError: rules that a panel, or this one, cannot follow.
    """
    verification, described = verify(run), run.describe()
    bars, symbols = run.bars(), described["panel"]["symbols"]
    check_rules(rules, described, bars=bars)
    trial = trial_log.record_backtest(run.folder.parent, rules, run=run.name, symbols=list(symbols))
    allocator = PanelAllocator.of_bars(bars, rules=rules, described=described)
    horizon = int(described["config"]["horizon"])
    trades = panel_trades(panel_rows(run.predictions()), run.validation(), allocator=allocator, horizon=horizon)
    rows, market = trades.rows, trades.market
    accounts = accounts_of(trades, title=run.symbol, rules=rules, value=traded_value(bars, market, described=described))
    ensembles = {name: account for name, account in accounts.items() if name[1] == ENSEMBLE}
    ledgers = [account.ledger for account in accounts.values()]
    bands = describe_thresholds(trades.thresholds)
    config = {**rules.to_json(), **({"chosen_bands": bands} if bands else {})}
    history = tries(run.folder.parent, ledgers, trial=trial)
    sessions = _sessions(bars, market.time, calendar=str(described["data"]["calendar"]))
    ranked, chosen = ranked_rows(rows, calendars={name: str(about["calendar"]) for name, about in symbols.items()})
    metrics = summarise(
        ledgers, None, bars_per_year=_bars_per_year(market, allocator.states, described), sessions=sessions,
        config=config, trials=max(1, history.log.trial_count), trial_returns=history.returns,
        scores=panel_scores({name: probability[chosen] for name, probability in rows.probability.items()}, ranked),
        caveats=[*history.caveats, *caveats(verification), *diverged_members(described)],
        spells={name: account.spells or {} for name, account in accounts.items()},
    )  # fmt: skip
    metrics |= {
        "integrity": verification.to_json(),
        "trials": history.to_json(),
        "prediction": predictive(rows),
        "panel": panel_metrics(
            rows, ranked, chosen, accounts=ensembles, market=market, sessions=sessions, bars=bars, described=described
        ),
        "trading": {
            "ruined": ruins(ledgers),
            **_events(market, bars),
            "choice_notes": list(trades.notes),
            "chosen_thresholds": bands,
        },
    }
    metrics["certificate"] = certificate = certify_panel_fills(
        run.certificate(), trades, ensembles, bars=bars, rules=rules, described=described
    )
    if certificate is not None and not certificate["passed"]:
        failures = tuple(certificate["failures"])
        metrics["verdict"] = Verdict(comparisons=(), status="look_ahead", failures=failures).to_json()
    backtest = Backtest(
        name=rules.name, config=config, signals=_signal_frame(trades), ledger=ledger_frame(ledgers), metrics=metrics
    )
    run.save_backtest(backtest)
    return backtest


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


def _events(market: PanelMarket, bars: pd.DataFrame) -> dict[str, Any]:
    """Which symbols ended before the account did or left the universe, and at how many opens each was not traded."""
    last_opens = {str(symbol): opened.max() for symbol, opened in bars.groupby("symbol", sort=True)["opened_at"]}
    ended: dict[str, str] = {}
    left: dict[str, str] = {}
    for name, end in zip(market.symbols, market.exit_row.tolist(), strict=True):
        if market.time[end].astype("datetime64[D]") < market.time[-1].astype("datetime64[D]"):
            sold = ended if utc(pd.Series([last_opens[name]]))[0] == market.time[end] else left
            sold[name] = str(np.datetime_as_string(market.time[end], unit="D"))
    idle = {name: int(count) for name, count in zip(market.symbols, (~market.able).sum(axis=1), strict=True) if count}
    return {"ended": ended, "left": left, "untradable_opens": idle, "opens": len(market.time) - 1}


def _signal_frame(trades: PanelTrades) -> pd.DataFrame:
    """signals.parquet: the decisions of the ensembles."""
    rows = trades.rows
    frames = [
        pd.DataFrame(
            {
                "symbol": rows.symbol,
                "model": model,
                "member": ENSEMBLE,
                "decided_at": zoned(rows.decided_at),
                "signal": signals,
                "probability": rows.probability[model, ENSEMBLE],
                "target": trades.shares[model, ENSEMBLE],
            }
        )
        for model, signals in trades.signals.items()
    ]
    return pd.concat(frames, ignore_index=True)
